//! The containers on a volume: planning which to hold, holding them, letting them go, and their
//! mounts.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `planner` | which containers to hold, and how |
//! | `driver` | refusing to stop what the engine could not start again |
//! | `quiesce` | holding them, with the gate closed |
//! | `release` | letting them go, in the reverse order |
//! | `ready` | waiting until they are ready |
//! | `gate` | the gates that make Mount wait |
//! | `unmanaged` | containers that dvol cannot control |
//! | `sharers` | containers in a namespace of one that is held |
//! | `labels` | labels for compose |
//! | `elsewhere` | names that the engine has from another driver |
//! | `made_on` | what wrote the files of a commit |
//! | `mounts` | the mounts that the driver has recorded |
//! | `reconcile` | bringing these in line with what the engine says |

pub(super) mod driver;
mod elsewhere;
pub(super) mod gate;
pub(super) mod labels;
mod made_on;
pub(super) mod mounts;
pub(super) mod planner;
pub(super) mod quiesce;
pub(super) mod ready;
pub(super) mod reconcile;
pub(super) mod release;
mod sharers;
pub(super) mod unmanaged;
