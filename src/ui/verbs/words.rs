//! The words of the commands.

use std::ffi::OsString;
use std::str::FromStr;

use super::Verb;
use crate::model::{BranchName, RemoteName, Revision, TagName, VolumeName};
use crate::pool::parse_age;
use crate::ui::fields::Fields;

/// Makes the words of a command of what a form holds. Each value is parsed first, so that none is
/// taken for an option.
///
/// # Errors
/// Says what is wrong with a field.
pub(in crate::ui) fn words(verb: &Verb, fields: &Fields) -> Result<Vec<OsString>, String> {
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
        "add-worktree" => {
            words.add(["worktree", "add", &name("volume")?]);
            match fields.is_set("revision") {
                true => words.add(["-b", &branch()?, &format!("{volume}:{}", revision()?)]),
                false => words.add([format!("{volume}:{}", branch()?)]),
            }
            if let Some(age) = fields.get("expires") {
                let wrong =
                    || format!("cannot use '{age}' as an age: use a number with d, h or m, such as 7d");
                parse_age(age).ok_or_else(wrong)?;
                words.add(["--expires", age]);
            }
        }
        "remove-worktree" => {
            words.add(["worktree", "remove", &volume]);
            words.add(fields.is_set("force").then_some("--force"));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::shell;
    use crate::ui::verbs::{VERBS, find};

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
            ("add-worktree", "volume=db&name=db2&branch=side", "dvol worktree add db2 db:side"),
            (
                "add-worktree",
                "volume=db&name=db2&branch=side&revision=HEAD~1&expires=7d",
                "dvol worktree add db2 -b side db:HEAD~1 --expires 7d",
            ),
            ("remove-worktree", "volume=db2&of=db&force=1", "dvol worktree remove db2 --force"),
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
            ("add-worktree", "volume=db&name=-b&branch=side"),
            ("add-worktree", "volume=db&name=db2&branch=side&expires=-7d"),
            ("remove-worktree", "volume=--project"),
        ] {
            assert!(command(verb, fields.as_bytes()).is_err(), "{verb} {fields}");
        }
    }
}
