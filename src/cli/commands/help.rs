//! `dvol help`: the help of a verb, or a topic.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::cli::help::topics::{self, Topic};
use crate::cli::output::Failure;
use crate::cli::session::Session;
use crate::cli::{Outcome, complete, errors, help, pager, similar};

/// Show the help of a verb or of a topic
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol help
  dvol help commit
  dvol help databases")]
pub(in crate::cli) struct HelpArgs {
    /// Verb or topic [default: list both]
    #[arg(value_name = "VERB|TOPIC", add = complete::help())]
    words: Vec<String>,
}

pub(in crate::cli) fn run(_session: &Session, args: &HelpArgs) -> Outcome {
    if let [word] = &args.words[..]
        && let Some(topic) = topics::find(word)
    {
        return read(topic);
    }
    let words = ["dvol"].into_iter().chain(args.words.iter().map(String::as_str)).chain(["--help"]);
    match help::command().try_get_matches_from(words) {
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            help::show(&error);
            Ok(ExitCode::SUCCESS)
        }
        _ => Ok(unknown(&args.words.join(" "))),
    }
}

/// Shows a topic, through a pager on a terminal.
fn read(topic: &Topic) -> Outcome {
    let page = help::render(topic);
    if !pager::show(&page) {
        anstream::stdout().lock().write_all(page.as_bytes()).map_err(Failure::Output)?;
        io::stdout().flush().map_err(Failure::Output)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn unknown(wanted: &str) -> ExitCode {
    let hints = similar::did_you_mean(wanted, help::names())
        .into_iter()
        .chain(["list the verbs and topics: dvol help".to_owned()]);
    errors::usage_with(&format!("'{wanted}' is neither a verb nor a topic"), hints)
}
