//! Habits: what to type instead of words of git and Docker that dvol does not have.
//!
//! A word whose meaning is the same is taken as it is (`commit -a`, `log --pretty`); here are those
//! that need a sentence. `tests/it/command_line/habits.rs` types them all.

/// Verbs, and what does their job.
const VERBS: &[(&[&str], &str)] = &[
    (&["add", "stage"], "a commit takes the whole working tree: dvol commit -m MESSAGE"),
    (&["mv", "move"], "rename a volume: dvol rename OLD NEW"),
    (&["remove", "delete", "drop"], "delete a volume: dvol rm VOLUME"),
    (&["create", "new"], "create a volume: dvol init NAME"),
    (&["save", "snapshot", "backup"], "keep this state: dvol commit -m MESSAGE"),
    (&["rollback"], "go back to a commit: dvol reset --hard REVISION"),
    (
        &["revert"],
        "go back to the commit before: dvol reset --hard HEAD~1; nothing can take back a commit in the middle",
    ),
    (
        &["merge", "rebase", "cherry-pick"],
        "dvol cannot merge data; take over the state of a branch: dvol reset --hard BRANCH",
    ),
    (&["clean"], "discard all uncommitted changes: dvol reset --hard; those of one path: dvol restore PATH"),
    (&["archive", "bundle", "dump"], "write a commit into an archive: dvol export VOLUME[:REVISION] FILE"),
    (&["load"], "make a volume from an archive: dvol import FILE VOLUME"),
    (&["submodule"], "have several volumes go together: dvol commit --project NAME"),
    (
        &["blame", "annotate", "bisect", "whatchanged", "shortlog"],
        "list commits and changed paths: dvol log --stat",
    ),
    (
        &["ls-files", "cat-file", "grep", "cat"],
        "list the files of a commit: dvol ls-tree -r REVISION; show one: dvol show REVISION:PATH",
    ),
    (&["count-objects", "df", "size"], "show what takes room: dvol du"),
    (
        &["prune", "repack", "clear"],
        "drop the data of old commits: dvol forget; delete all trash: dvol gc --all",
    ),
    (&["verify-pack", "check", "verify", "repair"], "check the pool, and repair it with --repair: dvol fsck"),
    (&["ps"], "list the volumes and their containers: dvol list"),
    (&["logs", "history"], "list the commits: dvol log"),
    (&["exec", "start"], "run a command on a volume, and go back after it: dvol run --rollback -- COMMAND"),
    (&["serve", "daemon", "driver"], "start the volume driver: dvol plugin"),
    (&["info"], "describe a volume: dvol inspect; check this machine: dvol doctor"),
    (&["version"], "show the version: dvol --version"),
    (
        &["notes", "describe-commit"],
        "say more of a commit: dvol commit --amend, or dvol tag -m MESSAGE NAME REVISION",
    ),
    (&["symbolic-ref", "show-ref", "for-each-ref"], "list branches and tags: dvol branch -v, dvol tag"),
    (
        &["am", "format-patch", "request-pull"],
        "dvol has no patches; carry whole commits: dvol export, dvol import",
    ),
];

/// Words after `worktree`, and what does their job.
const OF_WORKTREE: &[(&[&str], &str)] = &[
    (&["move", "mv"], "rename a worktree: dvol rename OLD NEW"),
    (&["lock", "unlock"], "a worktree without --expires stays until dvol worktree remove"),
    (&["repair"], "repair the pool, its worktrees too: dvol fsck --repair"),
];

/// What stands for any verb in [`FLAGS`].
const ANY: &str = "";

/// Flags by verb, and what does their job.
const FLAGS: &[(&str, &[&str], &str)] = &[
    ("commit", &["--dry-run"], "see what a commit would take: dvol status, dvol diff"),
    (
        "commit",
        &["-s", "--signoff", "-S", "--gpg-sign"],
        "commits are not signed; name an author: --author 'NAME <EMAIL>'",
    ),
    (
        "commit",
        &["-n", "--no-verify"],
        "commands before a commit are a setting: dvol config containers.pre-commit",
    ),
    (
        "commit",
        &["--fixup", "--squash", "-c", "--reuse-message"],
        "change the newest commit: dvol commit --amend",
    ),
    (
        "commit",
        &["-i", "--include", "-o", "--only", "--interactive"],
        "a commit takes the whole working tree",
    ),
    ("branch", &["-c", "--copy"], "create a branch from another: dvol branch NEW OLD"),
    (
        "branch",
        &["--contains", "--merged", "--no-merged", "--no-contains", "--points-at"],
        "see which branches lead to a commit: dvol log --all --graph --oneline",
    ),
    ("branch", &["--track", "-t"], "let a branch follow one of a remote: dvol branch -u REMOTE/BRANCH"),
    ("branch", &["-f", "--force"], "move a branch: dvol checkout -B NAME REVISION"),
    (
        "tag",
        &["-s", "--sign", "--verify"],
        "tags are not signed; give one a message: dvol tag -m MESSAGE NAME",
    ),
    ("tag", &["-n"], "list tags with their messages: dvol tag --format json"),
    (
        "tag",
        &["--contains", "--points-at"],
        "see which tags lead to a commit: dvol log --all --decorate --oneline",
    ),
    ("log", &["-S", "-G", "-L", "--follow"], "see what commits changed: dvol log -p"),
    (
        "log",
        &["--name-only", "--name-status", "--shortstat", "--numstat", "--raw"],
        "show the paths that each commit changed: dvol log --stat",
    ),
    ("log", &["--merges", "--no-merges", "--first-parent"], "histories are lines, without merges: dvol log"),
    (
        "log",
        &["--branches", "--tags", "--remotes"],
        "show the commits of all branches and tags: dvol log --all",
    ),
    (
        "ls-tree",
        &["-t", "-d", "-z", "--full-tree"],
        "list the files of a commit: dvol ls-tree -r REVISION PATH",
    ),
    ("show", &["--name-only", "--name-status"], "dvol show lists the changed paths already"),
    ("status", &["--porcelain", "-z"], "for scripts: dvol status --short, dvol status --format json"),
    (
        "status",
        &["--ignored", "-u", "--untracked-files"],
        "dvol tracks every file; see all changes: dvol status",
    ),
    ("diff", &["--cached", "--staged"], "there is no index: dvol diff compares the working tree with HEAD"),
    ("diff", &["--shortstat", "--numstat", "--dirstat"], "show the size of each change: dvol diff --stat"),
    (
        "diff",
        &["-w", "-b", "--ignore-all-space", "--word-diff", "--color-words"],
        "see the changed lines: dvol diff",
    ),
    ("diff", &["--no-index"], "compare commits, also of two volumes: dvol diff A:REVISION B:REVISION"),
    ("checkout", &["--orphan"], "start without history: dvol init NAME"),
    ("checkout", &["--detach", "-d"], "a commit is looked at on a branch: dvol checkout -b NAME REVISION"),
    (
        "checkout",
        &["-t", "--track", "--ours", "--theirs", "-m", "--merge"],
        "switch to a branch: dvol checkout BRANCH",
    ),
    ("switch", &["--force-create"], "create a branch anew and switch to it: dvol checkout -B NAME"),
    ("switch", &["-d", "--detach"], "a commit is looked at on a branch: dvol checkout -b NAME REVISION"),
    ("switch", &["--orphan"], "start without history: dvol init NAME"),
    (
        "switch",
        &["-f", "--force", "--discard-changes", "-m", "--merge"],
        "switch to a branch: dvol checkout -f BRANCH",
    ),
    (
        "reset",
        &["--soft", "--mixed", "--keep", "--merge"],
        "a reset replaces the working tree, and dvol undo brings it back: dvol reset --hard REVISION",
    ),
    ("stash", &["--keep-index", "-k", "-S", "--staged"], "there is no index: dvol stash takes all changes"),
    ("restore", &["--staged", "-S"], "there is no index: dvol restore PATH takes the newest commit's"),
    ("restore", &["--patch", "--ours", "--theirs"], "restore whole files: dvol restore PATH"),
    ("rm", &["-r", "-R", "--recursive", "--cached"], "rm deletes a whole volume: dvol rm VOLUME"),
    ("rm", &["--volumes"], "rm deletes a volume, no container: dvol rm VOLUME"),
    (
        "config",
        &["--global", "--system", "--local"],
        "a setting is the pool's or, with -C VOLUME, one volume's: dvol config KEY VALUE",
    ),
    (
        "config",
        &["--add", "--replace-all", "--get-all", "--edit", "-e"],
        "set a value: dvol config KEY VALUE",
    ),
    ("gc", &["--prune", "--aggressive", "--auto"], "delete all trash, whatever its age: dvol gc --all"),
    (
        "clone",
        &["--branch", "-b", "--single-branch", "--bare", "--mirror"],
        "copy one commit: dvol clone VOLUME:REVISION NEW",
    ),
    (
        "init",
        &["--bare", "-b", "--initial-branch", "--template"],
        "create a volume; its first branch is master: dvol init NAME",
    ),
    ("init", &["-d", "--driver", "-o", "--opt"], "options of the driver go to docker volume create -d dvol"),
    ("list", &["-a", "--all"], "list shows all volumes already"),
    ("fsck", &["--full", "--lost-found", "--strict"], "check content as well: dvol fsck --deep"),
    (ANY, &["--git-dir", "--work-tree"], "choose the pool with --pool DIR, the volume with -C VOLUME"),
    (ANY, &["--color", "--no-color"], "colours follow the terminal and NO_COLOR"),
];

/// Says what does the job of a verb that dvol does not have.
pub(super) fn verb(word: &str) -> Option<&'static str> {
    VERBS.iter().find(|(words, _)| words.contains(&word)).map(|(_, hint)| *hint)
}

/// Says what does the job of a word that dvol does not have after the verb `outer`.
pub(super) fn inner_verb(outer: &str, word: &str) -> Option<&'static str> {
    let words = if outer == "worktree" { OF_WORKTREE } else { &[] };
    words.iter().find(|(words, _)| words.contains(&word)).map(|(_, hint)| *hint)
}

/// Says what does the job of a flag that a verb does not have.
pub(super) fn flag(verb: Option<&str>, flag: &str) -> Option<&'static str> {
    let flag = flag.split(['=', ' ']).next().unwrap_or(flag);
    let of = |wanted: &str| FLAGS.iter().find(|(verb, flags, _)| *verb == wanted && flags.contains(&flag));
    verb.and_then(of).or_else(|| of(ANY)).map(|(_, _, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::{ANY, FLAGS, VERBS};
    use crate::cli::help;

    #[test]
    fn no_habit_hides_a_word_that_exists() {
        let mut command = help::command();
        command.build();
        let words = VERBS.iter().flat_map(|(words, _)| *words);
        for word in words {
            assert!(command.find_subcommand(word).is_none(), "dvol has the verb {word}");
        }
        for (verb, flags, _) in FLAGS.iter().filter(|(verb, ..)| *verb != ANY) {
            let verb = command.find_subcommand(verb).unwrap_or_else(|| panic!("dvol has no verb {verb}"));
            let has = |flag: &str| {
                let mut arguments = verb.get_arguments();
                arguments.any(|argument| match flag.strip_prefix("--") {
                    Some(long) => {
                        argument.get_long_and_visible_aliases().is_some_and(|all| all.contains(&long))
                    }
                    None => argument.get_short().is_some_and(|short| flag == format!("-{short}")),
                })
            };
            for flag in *flags {
                assert!(!has(flag), "dvol {} has the flag {flag}", verb.get_name());
            }
        }
    }

    #[test]
    fn each_habit_is_one_line_that_names_a_way_out() {
        let hints = VERBS.iter().map(|(_, hint)| *hint).chain(FLAGS.iter().map(|(_, _, hint)| *hint));
        for hint in hints {
            assert!(hint.chars().count() <= 110, "too long: {hint}");
            assert!(!hint.ends_with('.') && !hint.contains('\n'), "{hint}");
        }
    }
}
