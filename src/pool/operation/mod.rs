//! An operation from its first lock to its end: lock, plan, publish, finish; and the way back from
//! each step.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `locks` | the locks of a volume and its worktrees |
//! | `session` | taking them, and writing a plan into the journal |
//! | `worktrees` | what a plan may not do to other worktrees of its volume |
//! | `plan` | the plan: what moves on disk, which rows change |
//! | `group` | operations in the journal that are published together, one a volume |
//! | `publish` | the commit point, and what follows it |
//! | `moves` | the steps on disk, done and undone |
//! | `in_place` | what other processes write to trees that recovery takes back |
//! | `recover` | what a dead process left is finished or undone |
//! | `exchanged`, `trash` | what an operation leaves in trash |
//! | `spares` | files in trash that serve the next exchange |
//! | `undo_plan` | the plan of an undo |

pub(super) mod exchanged;
pub(super) mod group;
pub(super) mod in_place;
pub(super) mod locks;
pub(super) mod moves;
pub(super) mod plan;
pub(super) mod publish;
pub(super) mod recover;
pub(super) mod session;
pub(super) mod spares;
pub(super) mod trash;
pub(super) mod undo_plan;
pub(super) mod worktrees;
