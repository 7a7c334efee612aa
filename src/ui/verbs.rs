//! The verbs that the page runs: the fields of their forms, and the words of their commands.
//!
//! To add a verb: an entry in the table and an arm in [`words`]. The form, the line with the
//! command, the containers that it would stop and the run follow from these.

mod table;
mod words;

use table::VERBS;
pub(super) use words::words;

use super::fields::Fields;
use crate::error::Error;
use crate::model::{Verb as Logged, VolumeName};
use crate::ops::{self, WouldHold};
use crate::pool::{Pool, Purpose};

/// How a field of a form looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Given by the link to the form.
    Given,
    Line,
    Lines,
    Box,
}

/// A field of a form.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) look: Look,
    /// Whether it may be empty.
    pub(super) optional: bool,
    /// Whether a box is ticked at first.
    pub(super) ticked: bool,
}

/// A verb with its form.
#[derive(Debug)]
pub(super) struct Verb {
    /// Its name in addresses.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    /// The word on the button.
    pub(super) button: &'static str,
    /// Whether it takes something away.
    pub(super) takes: bool,
    pub(super) fields: &'static [Field],
}

/// Finds a verb by its name in addresses.
pub(super) fn find(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| verb.name == name)
}

/// Finds out which containers a command would stop, kill or pause now.
///
/// # Errors
/// When the command would be refused because of its containers, or the engine does not answer.
pub(super) fn containers(pool: &Pool, verb: &Verb, fields: &Fields) -> Result<Vec<WouldHold>, Error> {
    let Ok(volume) = fields.text("volume").parse::<VolumeName>() else { return Ok(Vec::new()) };
    let purpose = match verb.name {
        "commit" => Purpose::Copy,
        "reset" => Purpose::Discard,
        "checkout" | "restore" | "pull" => Purpose::Swap,
        "branch" if fields.is_set("switch") => Purpose::Swap,
        "undo" | "redo" => {
            match taken_back(pool, &volume, verb, fields)? {
                // What containers wrote since is thrown away.
                Some(Logged::Reset) => Purpose::Discard,
                Some(Logged::Checkout | Logged::Restore | Logged::Stash) => Purpose::Swap,
                _ => return Ok(Vec::new()),
            }
        }
        _ => return Ok(Vec::new()),
    };
    ops::would_hold(pool, &volume, purpose)
}

/// Returns the verb of the operation that an undo or a redo would be about.
fn taken_back(
    pool: &Pool,
    volume: &VolumeName,
    verb: &Verb,
    fields: &Fields,
) -> Result<Option<Logged>, Error> {
    let Ok(number) = fields.text("operation").parse() else {
        let steps = ops::next_steps(pool, volume)?;
        let step = if verb.name == "undo" { steps.undo } else { steps.redo };
        return Ok(step.map(|step| step.verb));
    };
    pool.store().read(|rows| {
        let mut found = rows.operation(volume, number)?;
        // Of an undo, what that has undone.
        while let Some(undoes) = found.as_ref().and_then(|operation| operation.plan.undoes) {
            found = rows.operation(volume, undoes)?;
        }
        Ok(found.map(|operation| operation.verb))
    })
}
