//! What the next undo and the next redo of a volume would be about.

use crate::error::Error;
use crate::model::{Verb, VolumeName};
use crate::pool::{Pool, Step, UndoStack};

/// The next step back and the next step forward.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NextSteps {
    /// What the next undo takes back.
    pub undo: Option<PastStep>,
    /// What the next redo makes again.
    pub redo: Option<PastStep>,
}

/// An operation that can be taken back or made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastStep {
    /// Its number.
    pub operation: u64,
    /// Its verb.
    pub verb: Verb,
    /// One line that says what it did.
    pub summary: String,
}

/// Finds the next steps of a volume, which need not exist any more.
///
/// # Errors
/// When the metadata cannot be read.
pub fn next_steps(pool: &Pool, volume: &VolumeName) -> Result<NextSteps, Error> {
    let stack = pool.store().read(|rows| UndoStack::read_top(&rows, volume))?;
    let past =
        |step: &Step| PastStep { operation: step.number, verb: step.verb, summary: step.summary.clone() };
    Ok(NextSteps { undo: stack.next_undo().map(past), redo: stack.next_redo().map(past) })
}
