//! The verbs that the page runs, in the order of their forms.

use super::{Field, Look, Verb};

const fn field(name: &'static str, label: &'static str, look: Look) -> Field {
    Field { name, label, look, optional: false, ticked: false }
}

const fn optional(name: &'static str, label: &'static str, look: Look) -> Field {
    Field { name, label, look, optional: true, ticked: false }
}

const VOLUME: Field = field("volume", "Volume", Look::Given);
const COMMIT: Field = field("revision", "Commit", Look::Line);

/// All verbs.
pub(super) const VERBS: &[Verb] = &[
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
        name: "add-worktree",
        title: "New worktree",
        about: "A further name under which containers mount a branch, at the same time as the volume. History \
                and tags are shared.",
        button: "Create",
        takes: false,
        fields: &[
            VOLUME,
            field("name", "Name, for docker run -v NAME:/PATH", Look::Line),
            field("branch", "Branch", Look::Line),
            optional("revision", "Make the branch, from this commit", Look::Line),
            optional("expires", "Expires after, such as 7d", Look::Line),
        ],
    },
    Verb {
        name: "remove-worktree",
        title: "Remove the worktree",
        about: "Refused while a container uses it. Its branch stays, with commits and uncommitted changes. Undo \
                brings it back.",
        button: "Remove",
        takes: true,
        fields: &[
            field("volume", "Worktree", Look::Given),
            optional("of", "Volume", Look::Given),
            optional("force", "Even if it is protected", Look::Box),
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
