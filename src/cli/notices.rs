//! Prints the notices of a running operation.

use super::output::say;
use crate::model::{ImageUse, count, format_size};
use crate::pool::{Meant, Notice};

/// Prints only the notices that report trouble, for `-q`.
pub(super) fn tell_warnings(notice: &Notice) {
    if !matches!(
        notice,
        Notice::Meant { .. }
            | Notice::PushMemory { .. }
            | Notice::Waiting { .. }
            | Notice::Stopping { .. }
            | Notice::CopiedAlike { .. }
            | Notice::Finished { .. }
            | Notice::Undone { .. }
            | Notice::Adopted { .. }
    ) {
        tell(notice);
    }
}

/// Prints a notice of a running operation.
pub(super) fn tell(notice: &Notice) {
    match notice {
        Notice::Meant { volume, why } => {
            let why = match why {
                Meant::Chosen => "from DVOL_VOLUME",
                Meant::OfDirectory => "the one of this compose project",
                Meant::Current => "the current one",
            };
            say("note", &format!("volume {volume}, {why}"));
        }
        Notice::Elsewhere { volume, driver } => {
            let text = format!("the engine has a volume {volume} of driver {driver}");
            say("warning", &format!("{text}: containers use that one, not dvol's"));
            say("hint", &format!("give dvol's another name: dvol rename {volume} NEW"));
            say("hint", &format!("or delete the engine's: docker volume rm {volume}"));
        }
        Notice::MadeElsewhere { commit, volume, images, users } => {
            let list = |images: &[ImageUse]| {
                images.iter().map(ImageUse::to_string).collect::<Vec<_>>().join(" and ")
            };
            let (theirs, own) = (list(images), list(users));
            let here = match users.len() {
                0 => "this machine's engine has no such image".to_owned(),
                _ => format!("the containers on volume {volume} here have {own}"),
            };
            say("warning", &format!("commit {} was made with {theirs}; {here}", commit.short()));
            say("hint", "a database may not start with the files of another version: use the same image");
        }
        Notice::PushMemory { volume, memory } => {
            let bytes = format_size(memory.bytes);
            say("note", &format!("to push volume {volume} to this repository takes about {bytes} of memory"));
            if let Some(cure) = memory.cure() {
                say("hint", cure);
            }
        }
        Notice::Waiting { what, holder } => say("waiting", &format!("for {what}, locked by {holder}")),
        Notice::Stopping { container } => say(
            "waiting",
            &format!("for container {container} to stop; --stop-timeout SECONDS limits how long"),
        ),
        Notice::StillStopping { container } => {
            say("note", &format!("container {container} is still stopping; the engine then starts it again"));
        }
        Notice::Killed { container } => {
            say("warning", &format!("container {container} did not stop in time and was killed"));
        }
        Notice::CutOff { container, with } => {
            let text = format!("container {container} shares a namespace with {with}, which is started anew");
            say("warning", &format!("{text}: it was started with --rm, so dvol leaves it alone"));
            say("hint", &format!("run {container} again afterwards"));
        }
        Notice::Finished { verb, volume } => {
            say("note", &format!("finished an interrupted {verb} of volume {volume}"));
        }
        Notice::Undone { verb, volume } => {
            say("note", &format!("undid an interrupted {verb} of volume {volume}"));
        }
        Notice::SetAside { volume, entries, place } => {
            let text = format!(
                "another process moved entries of volume {volume}; {entries} without a place are in {}",
                place.display()
            );
            say("warning", &text);
        }
        Notice::NotRecovered { volume, reason } => {
            say(
                "warning",
                &format!("cannot recover volume {volume} now; the next dvol tries again: {reason}"),
            );
        }
        Notice::PutBack { volume, next } => {
            let text = format!("{next} was killed; volume {volume} is as it was before that");
            say("note", &text);
        }
        Notice::MadeRoom { operations, bytes } => {
            let (operations, size) = (count(*operations, "operation"), format_size(*bytes));
            say("note", &format!("deleted the oldest trash to make room: {operations}, {size}"));
        }
        Notice::CopiedAlike { bytes } => {
            let size = format_size(*bytes);
            let text = format!("copied {size} of large files of which little changed");
            say("note", &format!("{text}; where blocks are shared, that takes a moment"));
            say(
                "hint",
                "move the pool to where they are, see 'dvol help space': dvol pool move image --size SIZE",
            );
        }
        // Work for a process of its own, see `background`.
        Notice::LargeFilesLeft { .. } => {}
        Notice::RefusedFlags { entries, flags } => {
            let files = count(*entries, "file");
            say("warning", &format!("the file system refuses attributes of chattr on {files}: {flags}"));
        }
        Notice::PostFailed { container, command, reason } => {
            say("warning", &format!("'{command}' failed in container {container}: {reason}"));
        }
        Notice::Adopted { volume } => {
            say(
                "note",
                &format!(
                    "imported volume {volume} from the older layout; its .json files are no longer needed"
                ),
            );
        }
        Notice::NotAdopted { volume, reason } => {
            say("warning", &format!("cannot import volume {volume} of the older layout: {reason}"));
            say("hint", "fix the cause, then import the volume: dvol import --older-layout");
        }
        Notice::EmptyTree { volume, branch, has_commit } => {
            let text = format!(
                "the working tree of branch {branch} of volume {volume} was missing; created an empty one"
            );
            say("warning", &text);
            if *has_commit {
                say("hint", "fill it from the newest commit: dvol reset --hard");
            }
        }
        Notice::Flawed { flaw } => say("warning", flaw),
        Notice::NotReleased { container, reason } => {
            say("warning", &format!("cannot restart container {container}: {reason}"));
        }
    }
}
