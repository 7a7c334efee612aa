//! `dvol --help`: the verbs by what a person wants to do, and long help through the pager.

use std::fmt::Write as _;
use std::io::Write as _;

use clap::CommandFactory as _;

use super::App;
use super::pager::Pager;

/// The verbs as the overview shows them; a test sees that none is left out.
const GROUPS: &[(&str, &[&str])] = &[
    ("Make and choose volumes", &["init", "list", "switch", "clone", "rename", "rm"]),
    ("Work on a volume", &["status", "diff", "commit", "reset", "undo", "run"]),
    ("Look at history", &["log", "show", "reflog", "rev-parse"]),
    ("Branches and tags", &["branch", "checkout", "tag"]),
    ("Move data in and out", &["export", "import"]),
    ("Look after the pool", &["inspect", "du", "gc", "fsck", "doctor", "config"]),
    ("Join dvol with other programs", &["plugin", "hook", "completion"]),
];

/// The command line, with the overview in its help.
pub(super) fn command() -> clap::Command {
    let command = App::command();
    let mut verbs = String::new();
    let styles = command.get_styles();
    let (header, literal) = (*styles.get_header(), *styles.get_literal());
    for (title, names) in GROUPS {
        let _ = writeln!(verbs, "{header}{title}:{header:#}");
        for name in *names {
            let verb = command.find_subcommand(name);
            let about = verb.and_then(clap::Command::get_about).map(ToString::to_string).unwrap_or_default();
            let about = about.split([':', ';']).next().unwrap_or_default();
            let _ = writeln!(verbs, "  {literal}{name:<12}{literal:#}{about}");
        }
        verbs.push('\n');
    }
    let _ = write!(
        verbs,
        "{literal}dvol VERB -h{literal:#} shows a verb's own options, {literal}dvol VERB --help{literal:#} all there is to say."
    );
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{verbs}\n\n{{options}}{{after-help}}"
    );
    command.help_template(template)
}

/// Shows help: through a pager at a terminal, as it may be long.
pub(super) fn show(help: &clap::Error) {
    let shown = match Pager::start() {
        Some(mut pager) => {
            // A reader who has had enough ends it.
            let _ = write!(pager, "{}", help.render().ansi());
            pager.end().unwrap_or(false)
        }
        None => false,
    };
    if !shown {
        let _ = help.print();
    }
}

#[cfg(test)]
mod tests {
    use super::GROUPS;

    #[test]
    fn the_overview_has_every_verb_and_its_lines_fit() {
        let mut command = super::command();
        command.build();
        let grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let name = verb.get_name();
            assert!(name == "help" || grouped.contains(&name), "{name} is in no group");
        }
        for name in &grouped {
            assert!(command.find_subcommand(name).is_some(), "{name} is no verb");
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
