//! The steps from each schema to the next. Append-only: a step that was released never changes, and
//! uses only table definitions that are frozen in its own file.
//!
//! All pending steps and the new schema number go into one write transaction, so a store is at one
//! schema or at the next, never between. A new schema needs a file here with a line in [`STEPS`],
//! and what `src/store/tables.rs` lists.

mod step_0001_first_tables;
mod step_0002_remotes;

use redb::{Error, WriteTransaction};

/// A step, which brings a store from the schema below to its own.
pub(super) type Step = fn(&WriteTransaction) -> Result<(), Error>;

/// The steps in order: the first one leads from an empty file to schema 1.
pub(super) const STEPS: [Step; 2] = [step_0001_first_tables::run, step_0002_remotes::run];
