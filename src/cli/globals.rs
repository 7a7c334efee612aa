//! Flags that every verb takes.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::environment::DEFAULT_POOL;
use crate::model::{Quiesce, VolumeName};
use crate::report::{Format, Template};

/// The flags that every verb takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of all verbs")]
pub(super) struct Globals {
    /// Directory that holds all volumes
    #[arg(short, long, global = true, hide_short_help = true, value_name = "DIR", env = "DVOL_POOL", default_value = DEFAULT_POOL)]
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub(super) pool: PathBuf,
    // Named `volume_flag` because an operand called `volume` would shadow the flag.
    /// Volume to work on [default: the last operand, DVOL_VOLUME, the only one of this directory's
    /// compose project, or the current volume]
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
    /// Do not talk to a container engine; for hosts without one, or volumes that no container uses
    #[arg(long, global = true, hide_short_help = true)]
    pub(super) disable_docker_integration: bool,
    /// Seconds to wait for another dvol on the same volume [default: 60]
    #[arg(long, global = true, hide_short_help = true, value_name = "SECONDS")]
    lock_timeout: Option<u32>,
    /// Seconds to wait for a container to stop before it is killed [default: the container's own]
    #[arg(long, global = true, hide_short_help = true, value_name = "SECONDS")]
    stop_timeout: Option<u32>,
    /// How to keep containers from writing [default: the setting containers.quiesce]
    #[arg(long, global = true, hide_short_help = true, value_name = "MODE", value_parser = quiesce_modes())]
    quiesce: Option<Quiesce>,
    /// Short for --quiesce pause
    #[arg(long, global = true, hide_short_help = true, conflicts_with = "quiesce")]
    pause: bool,
    /// Wait until restarted containers are ready; the default unless the setting containers.wait
    /// is 0
    #[arg(long, global = true, hide_short_help = true, overrides_with = "no_wait")]
    wait: bool,
    /// Do not wait until restarted containers are ready
    #[arg(long, global = true, hide_short_help = true)]
    no_wait: bool,
    /// Output format: text, json (one object a line) or, for log and show, a template
    #[arg(long, global = true, hide_short_help = true, value_name = "FORMAT", default_value = "text")]
    format: FormatArg,
    /// Print long output to the terminal itself, without a pager
    #[arg(long, global = true, hide_short_help = true)]
    pub(super) no_pager: bool,
    /// Print only the requested output and errors
    #[arg(short, long, global = true, hide_short_help = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Print details to standard error; repeat for more
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
            _ => {
                Err("use text, json or, for log and show, a template such as '{short} {subject}'".to_owned())
            }
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
    /// Returns the options that change how a command works on the pool, as they are typed.
    pub(super) fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        let flags = [
            (self.disable_docker_integration, "--disable-docker-integration"),
            (self.pause, "--pause"),
            (self.wait, "--wait"),
            (self.no_wait, "--no-wait"),
        ];
        words.extend(flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag.into()));
        let values = [
            ("--lock-timeout", self.lock_timeout.map(|seconds| seconds.to_string())),
            ("--stop-timeout", self.stop_timeout.map(|seconds| seconds.to_string())),
            ("--quiesce", self.quiesce.map(|mode| mode.to_string())),
        ];
        for (name, value) in values {
            if let Some(value) = value {
                words.extend([name.into(), value.into()]);
            }
        }
        words
    }

    pub(super) fn lock_timeout(&self) -> Option<Duration> {
        self.lock_timeout.map(|seconds| Duration::from_secs(u64::from(seconds)))
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
    /// Returns the template, for the verbs that take one.
    pub(super) fn template(&self) -> Option<Template> {
        match &self.format {
            FormatArg::Template(template, _) => Some(template.clone()),
            _ => None,
        }
    }
}
