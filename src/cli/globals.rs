//! Flags that every verb takes, and the environment.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::environment::DEFAULT_POOL;
use crate::model::{Quiesce, VolumeName};
use crate::report::{Format, Template};

/// Flags that every verb takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of all verbs")]
pub(super) struct Globals {
    /// The directory that holds all volumes
    #[arg(short, long, global = true, hide_short_help = true, value_name = "DIR", env = "DVOL_POOL", default_value = DEFAULT_POOL)]
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub(super) pool: PathBuf,
    // Not `volume`: an operand of a verb has that id, and would shadow the flag.
    /// The volume to work on; without it, the one that is named last or the current one
    #[arg(
        id = "volume_flag",
        short = 'C',
        long = "volume",
        global = true,
        hide_short_help = true,
        value_name = "VOLUME"
    )]
    #[arg(add = super::complete::volumes())]
    pub(super) volume: Option<VolumeName>,
    /// Touch no container: for a machine without an engine, or volumes that none uses
    #[arg(long, global = true, hide_short_help = true)]
    pub(super) disable_docker_integration: bool,
    /// How long to wait for another dvol on the same volume
    #[arg(long, global = true, hide_short_help = true, value_name = "SECONDS", default_value_t = 60)]
    lock_timeout: u32,
    /// How long a container may take to stop; without it, its own stop timeout
    #[arg(long, global = true, hide_short_help = true, value_name = "SECONDS")]
    stop_timeout: Option<u32>,
    /// How to keep containers from writing; without it, what containers.quiesce says
    #[arg(long, global = true, hide_short_help = true, value_name = "MODE", value_parser = quiesce_modes())]
    quiesce: Option<Quiesce>,
    /// The same as --quiesce pause
    #[arg(long, global = true, hide_short_help = true, conflicts_with = "quiesce")]
    pause: bool,
    /// Wait until the health checks of containers that were started pass, as is done unless
    /// containers.wait says otherwise
    #[arg(long, global = true, hide_short_help = true, overrides_with = "no_wait")]
    wait: bool,
    /// Do not wait for health checks
    #[arg(long, global = true, hide_short_help = true)]
    no_wait: bool,
    /// How to write what is asked for: text, json (one object a line), for log and show a template
    #[arg(long, global = true, hide_short_help = true, value_name = "FORMAT", default_value = "text")]
    format: FormatArg,
    /// Say nothing but what was asked for, and errors
    #[arg(short, long, global = true, hide_short_help = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Say more on standard error; twice for everything
    #[arg(short, long, global = true, hide_short_help = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

/// Reads a way to quiesce; clap's help and completion list them all.
fn quiesce_modes() -> impl TypedValueParser<Value = Quiesce> {
    let modes = Quiesce::CHOICES.map(|(word, _, about)| PossibleValue::new(word).help(about));
    PossibleValuesParser::new(modes).try_map(|word| word.parse::<Quiesce>())
}

#[derive(Debug, Clone)]
enum FormatArg {
    Text,
    Json,
    Template(Template, String),
}

impl FromStr for FormatArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(FormatArg::Text),
            "json" => Ok(FormatArg::Json),
            _ if text.contains(['{', '%']) => {
                Ok(FormatArg::Template(Template::parse(text)?, text.to_owned()))
            }
            _ => Err("use text, json, or for log and show a template such as '{short} {subject}'".to_owned()),
        }
    }
}

impl fmt::Display for FormatArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FormatArg::Text => "text",
            FormatArg::Json => "json",
            FormatArg::Template(_, text) => text,
        })
    }
}

impl Globals {
    pub(super) fn lock_timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.lock_timeout))
    }

    pub(super) fn stop_timeout(&self) -> Option<Duration> {
        self.stop_timeout.map(|seconds| Duration::from_secs(u64::from(seconds)))
    }

    pub(super) fn quiesce(&self) -> Option<Quiesce> {
        if self.pause { Some(Quiesce::Pause) } else { self.quiesce }
    }

    pub(super) fn wait(&self) -> Option<bool> {
        if self.wait { Some(true) } else { self.no_wait.then_some(false) }
    }

    pub(super) fn format(&self) -> Format {
        match self.format {
            FormatArg::Text | FormatArg::Template(..) => Format::Text,
            FormatArg::Json => Format::Json,
        }
    }
}

impl Globals {
    /// The template, for the verbs that take one.
    pub(super) fn template(&self) -> Option<Template> {
        match &self.format {
            FormatArg::Template(template, _) => Some(template.clone()),
            _ => None,
        }
    }
}
