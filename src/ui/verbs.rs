//! The verbs that the page runs: the fields of their forms, and the words of their commands.
//!
//! To add a verb: an entry in [`VERBS`] and an arm in [`words`]. The form, the line with the
//! command, the containers that it would stop and the run follow from these.

use std::ffi::OsString;
use std::str::FromStr;

use super::fields::Fields;
use crate::error::Error;
use crate::model::{BranchName, RemoteName, Revision, TagName, Verb as Logged, VolumeName};
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

const fn field(name: &'static str, label: &'static str, look: Look) -> Field {
    Field { name, label, look, optional: false, ticked: false }
}

const fn optional(name: &'static str, label: &'static str, look: Look) -> Field {
    Field { name, label, look, optional: true, ticked: false }
}

const VOLUME: Field = field("volume", "Volume", Look::Given);
const COMMIT: Field = field("revision", "Commit", Look::Line);

/// All verbs.
const VERBS: &[Verb] = &[
    Verb {
        name: "init",
        title: "New volume",
        about: "Makes an empty volume with a branch master, which becomes the current volume.",
        button: "Create",
        takes: false,
        fields: &[field("volume", "Name", Look::Line)],
    },
    Verb {
        name: "commit",
        title: "Commit",
        about: "Saves the working tree of the current branch as a commit.",
        button: "Commit",
        takes: false,
        fields: &[VOLUME, field("message", "Message", Look::Lines)],
    },
    Verb {
        name: "reset",
        title: "Reset",
        about: "Makes the working tree equal to the commit and moves the current branch there. Uncommitted \
                changes, and newer commits that nothing else leads to, go to trash: undo brings them back.",
        button: "Reset",
        takes: true,
        fields: &[VOLUME, COMMIT],
    },
    Verb {
        name: "checkout",
        title: "Check out a branch",
        about: "Makes it the current branch. Each branch keeps its own working tree, so nothing is lost.",
        button: "Check out",
        takes: false,
        fields: &[
            VOLUME,
            field("branch", "Branch", Look::Line),
            optional(
                "force",
                "Also with uncommitted changes, which stay in the branch that is left",
                Look::Box,
            ),
        ],
    },
    Verb {
        name: "branch",
        title: "New branch",
        about: "Makes a branch with a working tree of its own, a copy of the commit.",
        button: "Create",
        takes: false,
        fields: &[
            VOLUME,
            field("name", "Name", Look::Line),
            field("revision", "Starts from", Look::Line),
            Field { ticked: true, ..optional("switch", "Check it out", Look::Box) },
        ],
    },
    Verb {
        name: "delete-branch",
        title: "Delete a branch",
        about: "Deletes the branch and its working tree. Undo brings both back.",
        button: "Delete",
        takes: true,
        fields: &[
            VOLUME,
            field("branch", "Branch", Look::Given),
            optional("force", "Also if commits are reachable only from it", Look::Box),
        ],
    },
    Verb {
        name: "tag",
        title: "New tag",
        about: "Names the commit. A commit with a tag is never dropped.",
        button: "Tag",
        takes: false,
        fields: &[
            VOLUME,
            field("name", "Name", Look::Line),
            COMMIT,
            optional("message", "Message", Look::Lines),
        ],
    },
    Verb {
        name: "delete-tag",
        title: "Delete a tag",
        about: "Deletes the tag, and drops its commit if nothing else leads to it. Undo brings both back.",
        button: "Delete",
        takes: true,
        fields: &[VOLUME, field("name", "Tag", Look::Given)],
    },
    Verb {
        name: "clone",
        title: "Clone",
        about: "Makes a new volume with a copy of the commit. The two share neither history nor files.",
        button: "Clone",
        takes: false,
        fields: &[VOLUME, field("name", "New volume", Look::Line), COMMIT],
    },
    Verb {
        name: "restore",
        title: "Restore a path",
        about: "Makes the path in the working tree equal to the commit's; everything else stays as it is.",
        button: "Restore",
        takes: true,
        fields: &[VOLUME, COMMIT, field("path", "Path", Look::Given)],
    },
    Verb {
        name: "undo",
        title: "Undo",
        about: "Takes back an operation on the volume. Redo makes it again.",
        button: "Undo",
        takes: false,
        fields: &[
            VOLUME,
            optional("operation", "Operation", Look::Given),
            optional("as", "Bring it back under another name", Look::Line),
        ],
    },
    Verb {
        name: "redo",
        title: "Redo",
        about: "Makes again what undo took back last.",
        button: "Redo",
        takes: false,
        fields: &[VOLUME],
    },
    Verb {
        name: "forget",
        title: "Forget old data",
        about: "The commits stay in the log, and their data goes to trash. The head of a branch and commits \
                with a tag always stay.",
        button: "Forget",
        takes: true,
        fields: &[
            VOLUME,
            optional("revision", "Commit to forget", Look::Line),
            optional("last", "Or keep the newest N commits, and forget the others", Look::Line),
        ],
    },
    Verb {
        name: "push",
        title: "Push",
        about: "Sends a branch to a remote: what the remote does not have yet.",
        button: "Push",
        takes: false,
        fields: &[
            VOLUME,
            field("remote", "Remote", Look::Line),
            field("branch", "Branch", Look::Line),
            optional("follow", "Let the branch follow that of the remote from now on", Look::Box),
        ],
    },
    Verb {
        name: "pull",
        title: "Pull",
        about: "Fetches from a remote, and moves the current branch forward to what the remote has.",
        button: "Pull",
        takes: false,
        fields: &[
            VOLUME,
            optional("remote", "Remote", Look::Line),
            optional("branch", "Branch of the remote", Look::Line),
        ],
    },
    Verb {
        name: "protect",
        title: "Protect",
        about: "Keeps resets and deletions from the volume, or from one branch, until it is unprotected.",
        button: "Protect",
        takes: false,
        fields: &[VOLUME, optional("branch", "Only this branch", Look::Line)],
    },
    Verb {
        name: "unprotect",
        title: "Unprotect",
        about: "Lets the volume, or one branch, be reset and deleted again.",
        button: "Unprotect",
        takes: false,
        fields: &[VOLUME, optional("branch", "Only this branch", Look::Line)],
    },
    Verb {
        name: "rm",
        title: "Delete the volume",
        about: "Deletes the volume with all its branches and commits; of a worktree, the branch stays. Trash \
                keeps it for undo.",
        button: "Delete",
        takes: true,
        fields: &[
            VOLUME,
            optional("purge", "For good: free the space at once, leave nothing to undo", Look::Box),
        ],
    },
    Verb {
        name: "gc",
        title: "Empty trash",
        about: "Deletes trash that has expired, and says how much space that frees.",
        button: "Empty",
        takes: true,
        fields: &[
            optional("volume", "Volume", Look::Given),
            optional("all", "All trash, so that earlier operations can no longer be undone", Look::Box),
        ],
    },
];

/// Finds a verb by its name in addresses.
pub(super) fn find(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| verb.name == name)
}

/// Makes the words of a command of what a form holds. Each value is parsed first, so that none is
/// taken for an option.
///
/// # Errors
/// Says what is wrong with a field.
pub(super) fn words(verb: &Verb, fields: &Fields) -> Result<Vec<OsString>, String> {
    let given = verb
        .fields
        .iter()
        .any(|field| field.name == "volume" && (!field.optional || fields.is_set("volume")));
    let volume =
        if given { parsed::<VolumeName>(fields, "volume", "the name of a volume")? } else { String::new() };
    let name = |what| match what {
        "volume" => parsed::<VolumeName>(fields, "name", "a name"),
        "tag" => parsed::<TagName>(fields, "name", "a name"),
        _ => parsed::<BranchName>(fields, "name", "a name"),
    };
    let branch = || parsed::<BranchName>(fields, "branch", "a branch");
    let revision = || parsed::<Revision>(fields, "revision", "a commit");
    let mut words = Words(Vec::new());
    match verb.name {
        "init" => words.add(["init", &volume]),
        "commit" => {
            words.add(["commit", "-C", &volume]);
            words.message(fields.text("message"));
        }
        "reset" => words.add(["reset", "-C", &volume, "--hard", &revision()?]),
        "checkout" => {
            words.add(["checkout", "-C", &volume]);
            words.add(fields.is_set("force").then_some("-f"));
            words.add([branch()?]);
        }
        "branch" => {
            let verb: &[&str] = if fields.is_set("switch") { &["checkout"] } else { &["branch"] };
            words.add(verb);
            words.add(["-C", &volume]);
            words.add(fields.is_set("switch").then_some("-b"));
            words.add([name("branch")?, revision()?]);
        }
        "delete-branch" => {
            let flag = if fields.is_set("force") { "-D" } else { "-d" };
            words.add(["branch", "-C", &volume, flag, &branch()?]);
        }
        "tag" => {
            words.add(["tag", "-C", &volume]);
            if let Some(message) = fields.get("message") {
                words.message(message);
            }
            words.add([name("tag")?, revision()?]);
        }
        "delete-tag" => words.add(["tag", "-C", &volume, "-d", &name("tag")?]),
        "clone" => words.add(["clone", &format!("{volume}:{}", revision()?), &name("volume")?]),
        "restore" => {
            words.add(["restore", "-C", &volume, "--source", &revision()?, "--"]);
            words.0.push(fields.path("path").into());
        }
        "undo" => {
            words.add(["undo", &volume]);
            if fields.is_set("operation") {
                let number = fields.number("operation").ok_or("the operation is no number")?;
                words.add(["--operation", &number.to_string()]);
            }
            if fields.is_set("as") {
                words.add(["--as", &parsed::<VolumeName>(fields, "as", "a name")?]);
            }
        }
        "redo" => words.add(["redo", &volume]),
        "forget" => {
            words.add(["forget", "-C", &volume]);
            match fields.get("last") {
                Some(last) => {
                    let last: u32 =
                        last.parse().map_err(|_| format!("cannot keep '{last}' commits: type a number"))?;
                    words.add(["--keep-last", &last.to_string()]);
                }
                None => words.add([revision()?]),
            }
        }
        "push" | "pull" => {
            words.add([verb.name, "-C", &volume]);
            words.add(fields.is_set("follow").then_some("-u"));
            if verb.name == "push" || fields.is_set("remote") || fields.is_set("branch") {
                words.add([parsed::<RemoteName>(fields, "remote", "the name of a remote")?]);
            }
            if verb.name == "push" || fields.is_set("branch") {
                words.add([branch()?]);
            }
        }
        "protect" | "unprotect" => {
            words.add([verb.name]);
            match fields.is_set("branch") {
                true => words.add([format!("{volume}:{}", branch()?)]),
                false => words.add(["--whole", "-C", &volume]),
            }
        }
        "rm" => {
            words.add(["rm", &volume]);
            words.add(fields.is_set("purge").then_some("--purge"));
        }
        "gc" => {
            words.add(["gc"]);
            words.add(fields.is_set("all").then_some("--all"));
            words.add(given.then_some(&volume));
        }
        other => return Err(format!("the page has no verb {other}")),
    }
    Ok(words.0)
}

/// Collects words.
struct Words(Vec<OsString>);

impl Words {
    fn add<W: AsRef<std::ffi::OsStr>>(&mut self, words: impl IntoIterator<Item = W>) {
        self.0.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
    }

    /// Adds a message, which may begin like an option.
    fn message(&mut self, message: &str) {
        let message = message.replace("\r\n", "\n");
        match message.starts_with('-') {
            true => self.add([format!("--message={message}")]),
            false => self.add(["-m", &message]),
        }
    }
}

/// Reads a field whose value must be of this type; returns the value as text.
fn parsed<T: FromStr<Err: ToString>>(fields: &Fields, name: &str, what: &str) -> Result<String, String> {
    let text = fields.text(name).trim();
    if text.is_empty() {
        return Err(format!("type {what}"));
    }
    if text.starts_with('-') {
        // The command would take it for an option.
        return Err(format!("cannot use '{text}': it begins with -"));
    }
    text.parse::<T>().map_err(|error| error.to_string())?;
    Ok(text.to_owned())
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
            let steps = ops::next_steps(pool, &volume)?;
            let step = if verb.name == "undo" { steps.undo } else { steps.redo };
            match step.map(|step| step.verb) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::shell;

    fn command(verb: &str, fields: &[u8]) -> Result<String, String> {
        words(find(verb).unwrap(), &Fields::parse(fields)).map(|words| shell::line(&words))
    }

    #[test]
    fn each_verb_becomes_the_command_that_a_person_would_type() {
        for (verb, fields, wanted) in [
            ("init", "volume=db", "dvol init db"),
            ("commit", "volume=db&message=It's+me", "dvol commit -C db -m 'It'\\''s me'"),
            ("commit", "volume=db&message=-a", "dvol commit -C db --message=-a"),
            ("reset", "volume=db&revision=HEAD~2", "dvol reset -C db --hard HEAD~2"),
            ("checkout", "volume=db&branch=a/b&force=1", "dvol checkout -C db -f a/b"),
            ("branch", "volume=db&name=x&revision=HEAD&switch=1", "dvol checkout -C db -b x HEAD"),
            ("branch", "volume=db&name=x&revision=HEAD", "dvol branch -C db x HEAD"),
            ("delete-branch", "volume=db&branch=x&force=1", "dvol branch -C db -D x"),
            ("tag", "volume=db&name=v1&revision=HEAD&message=One", "dvol tag -C db -m One v1 HEAD"),
            ("delete-tag", "volume=db&name=v1", "dvol tag -C db -d v1"),
            ("clone", "volume=db&name=new&revision=v1", "dvol clone db:v1 new"),
            ("restore", "volume=db&revision=v1&path=-x/%2541", "dvol restore -C db --source v1 -- -x/A"),
            ("undo", "volume=db&operation=7&as=old", "dvol undo db --operation 7 --as old"),
            ("redo", "volume=db", "dvol redo db"),
            ("forget", "volume=db&revision=HEAD~3&last=", "dvol forget -C db HEAD~3"),
            ("forget", "volume=db&last=3", "dvol forget -C db --keep-last 3"),
            ("push", "volume=db&remote=origin&branch=master&follow=1", "dvol push -C db -u origin master"),
            ("pull", "volume=db&remote=&branch=", "dvol pull -C db"),
            ("pull", "volume=db&remote=origin&branch=master", "dvol pull -C db origin master"),
            ("protect", "volume=db", "dvol protect --whole -C db"),
            ("unprotect", "volume=db&branch=master", "dvol unprotect db:master"),
            ("rm", "volume=db&purge=1", "dvol rm db --purge"),
            ("gc", "volume=&all=1", "dvol gc --all"),
            ("gc", "volume=db", "dvol gc db"),
        ] {
            assert_eq!(command(verb, fields.as_bytes()).as_deref(), Ok(wanted), "{verb} {fields}");
        }
        let covered = VERBS
            .iter()
            .all(|verb| command(verb.name, b"") != Err(format!("the page has no verb {}", verb.name)));
        assert!(covered);
    }

    #[test]
    fn no_value_becomes_an_option_or_another_name() {
        for (verb, fields) in [
            ("rm", "volume=--purge"),
            ("rm", "volume=../x"),
            ("reset", "volume=db&revision=--help"),
            ("checkout", "volume=db&branch=-f"),
            ("branch", "volume=db&name=-d&revision=HEAD"),
            ("clone", "volume=db&name=a/b&revision=HEAD"),
            ("undo", "volume=db&operation=-1"),
            ("forget", "volume=db&last=-1"),
            ("push", "volume=db&remote=--force&branch=master"),
            ("pull", "volume=db&branch=master"),
            ("commit", "message=x"),
        ] {
            assert!(command(verb, fields.as_bytes()).is_err(), "{verb} {fields}");
        }
    }
}
