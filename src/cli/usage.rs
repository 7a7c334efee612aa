//! Words the usage errors that clap finds, like all other errors.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

use super::help::topics::TOPICS;
use super::{habits, help, similar};

/// Returns the message of a usage error and its hints.
pub(super) fn words(error: &Error) -> (String, Vec<String>) {
    let typed = typed_verb();
    let more = match &typed {
        Some(verb) => format!("show the usage: dvol {verb} -h"),
        None => "show the usage: dvol -h".to_owned(),
    };
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(wanted) = text(ContextKind::InvalidSubcommand)
    {
        let command = help::command();
        // `hook` and `worktree` have verbs of their own.
        let outer = typed.as_ref().and_then(|verb| command.find_subcommand(verb));
        let outer = outer.filter(|verb| verb.has_subcommands()).unwrap_or(&command);
        let names = outer.get_subcommands().filter(|verb| !verb.is_hide_set());
        let names = names.flat_map(clap::Command::get_name_and_visible_aliases).map(str::to_owned).collect();
        let meant = similar::did_you_mean(&wanted, names);
        let name =
            if outer.get_name() == "dvol" { "dvol".to_owned() } else { format!("dvol {}", outer.get_name()) };
        let is_topic = name == "dvol" && TOPICS.iter().any(|topic| topic.name == wanted);
        let topic = is_topic.then(|| format!("read the topic: dvol help {wanted}"));
        let habit = match outer.get_name() {
            "dvol" => habits::verb(&wanted),
            outer => habits::inner_verb(outer, &wanted),
        };
        let habit = habit.map(str::to_owned);
        let meant = topic.or(habit).or(meant);
        let hints = meant.into_iter().chain([format!("list the verbs: {name} --help")]).collect();
        return (format!("'{wanted}' is not a verb of {name}"), hints);
    }
    if error.kind() == ErrorKind::ValueValidation
        && std::error::Error::source(error)
            .is_some_and(|source| source.downcast_ref::<std::num::ParseIntError>().is_some())
        && let (Some(value), Some(flag)) = (text(ContextKind::InvalidValue), text(ContextKind::InvalidArg))
    {
        return (format!("invalid value '{value}' for {flag}: not a valid number"), vec![more]);
    }
    // A parser that names the value has the better message.
    if error.kind() == ErrorKind::ValueValidation
        && let Some(source) = std::error::Error::source(error).map(ToString::to_string)
        && text(ContextKind::InvalidValue).is_some_and(|value| source.contains(&format!("'{value}'")))
    {
        return (source, vec![more]);
    }
    let rendered = error.render().to_string();
    let mut paragraphs = rendered.trim_end().split("\n\n");
    let first = paragraphs.next().unwrap_or_default().trim_start_matches("error: ");
    let said = first.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let flag = (error.kind() == ErrorKind::UnknownArgument).then(|| text(ContextKind::InvalidArg)).flatten();
    let habit = flag.and_then(|flag| habits::flag(typed.as_deref(), &flag)).map(str::to_owned);
    let tips = paragraphs.flat_map(str::lines).filter_map(|line| line.trim_start().strip_prefix("tip: "));
    // Whoever mistypes a flag does not mean it as a value.
    let tips = tips.filter(|tip| !tip.starts_with("to pass ")).map(str::to_owned);
    let mut hints: Vec<_> = match habit {
        Some(habit) => vec![habit],
        None => tips.collect(),
    };
    hints.push(more);
    (said, hints)
}

/// Returns the verb that was typed, even if clap stopped before it.
fn typed_verb() -> Option<String> {
    let command = help::command();
    let words = std::env::args_os().skip(1).filter_map(|word| word.into_string().ok());
    words
        .map(|word| command.find_subcommand(&word).map(|verb| verb.get_name().to_owned()))
        .find_map(|verb| verb)
}
