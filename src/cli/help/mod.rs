//! Help: the overview of `dvol --help`, with the verbs grouped by purpose, and the topics of
//! `dvol help`.
//!
//! A topic is a Markdown file in `topics/`. [`markdown`] parses it, [`render`] makes text for a
//! terminal of it, [`man`] a man page.

mod look;
pub(super) mod man;
mod markdown;
mod render;
pub(super) mod topics;
mod wrap;

use std::fmt::Write as _;

use clap::CommandFactory as _;

use self::look::Look;
use self::topics::{TOPICS, Topic};
use super::App;
use super::commands::HEADINGS;
use super::pager;

/// The verbs where `-p` is git's `--patch`, not `--pool`.
const WITH_PATCH: [&str; 3] = ["diff", "log", "show"];

/// The command line, with the overview in its help.
pub(super) fn command() -> clap::Command {
    let mut command = App::command();
    let pool = command.get_arguments().find(|argument| argument.get_id() == "pool").cloned();
    let pool = pool.expect("--pool is a flag of all verbs");
    for verb in WITH_PATCH {
        // A verb's own flag takes the place of the one of all verbs.
        command = command.mut_subcommand(verb, |it| it.arg(pool.clone().short(None)));
    }
    let mut verbs = String::new();
    let styles = command.get_styles();
    let (header, literal) = (*styles.get_header(), *styles.get_literal());
    for (heading, modules) in HEADINGS.iter().filter(|(heading, _)| !heading.is_empty()) {
        let names = modules.iter().map(|module| module.replace('_', "-"));
        let _ = writeln!(verbs, "{header}{heading}:{header:#}");
        for verb in names.filter_map(|name| command.find_subcommand(name)) {
            // Plain text goes through no parser of colours this way: this is done at each start.
            let about = verb.get_about().map(|about| about.ansi().to_string()).unwrap_or_default();
            let about = about.split([':', ';']).next().unwrap_or_default();
            let _ = writeln!(verbs, "  {literal}{:<12}{literal:#}{about}", verb.get_name());
        }
        verbs.push('\n');
    }
    let _ = writeln!(verbs, "{header}Topics:{header:#}");
    for topic in TOPICS {
        let _ = writeln!(verbs, "  {literal}{:<14}{literal:#}{}", topic.name, topic.about);
    }
    let _ = write!(
        verbs,
        "\n{literal}dvol VERB -h{literal:#} lists a verb's options, {literal}dvol help VERB{literal:#} explains them.\n\
         {literal}dvol help TOPIC{literal:#} shows a topic."
    );
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{verbs}\n\n{header}Options:{header:#}\n{{options}}{{after-help}}"
    );
    command.help_template(template)
}

/// Lists what `dvol help` takes: verbs with their aliases, and topics.
pub(super) fn names() -> Vec<String> {
    let command = App::command();
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    let verbs = verbs.flat_map(clap::Command::get_name_and_visible_aliases);
    verbs.chain(TOPICS.iter().map(|topic| topic.name)).map(str::to_owned).collect()
}

/// Renders a topic for standard output.
pub(super) fn render(topic: &Topic) -> String {
    render::page(&markdown::parse(topic.source), &Look::of_stdout())
}

/// Shows help: through a pager at a terminal, as it may be long.
pub(super) fn show(help: &clap::Error) {
    if !pager::show(&help.render().ansi().to_string()) {
        let _ = help.print();
    }
}

#[cfg(test)]
mod tests {
    use super::HEADINGS;

    #[test]
    fn the_overview_has_every_verb_and_its_lines_fit() {
        let mut command = super::command();
        command.build();
        for module in HEADINGS.iter().flat_map(|(_, modules)| *modules) {
            let name = module.replace('_', "-");
            assert!(command.find_subcommand(&name).is_some(), "no verb is called {name}, as its module is");
        }
        let overview = command.render_help().to_string();
        for line in overview.lines() {
            assert!(line.chars().count() <= 80, "too wide: {line}");
        }
    }

    #[test]
    fn every_verb_shows_examples_that_can_be_copied() {
        let mut command = super::command();
        command.build();
        command.clone().debug_assert();
        let mut verbs = vec![command];
        while let Some(verb) = verbs.pop() {
            let name = verb.get_name().to_owned();
            if name == "help" {
                continue;
            }
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example") || verb.is_hide_set(), "{name} has no example");
            for line in help.lines().filter(|line| line.starts_with("  dvol")) {
                assert!(line.chars().count() <= 80, "{name} has an example that would be broken: {line}");
            }
            verbs.extend(verb.get_subcommands().cloned());
        }
    }
}
