//! `dvol log`

use std::io::IsTerminal as _;
use std::process::ExitCode;

use regex::{Regex, RegexBuilder};

use crate::cli::git::Git;
use crate::cli::log_changes::{self, Changes};
use crate::cli::output::{Failure, say};
use crate::cli::project::ProjectArg;
use crate::cli::session::Session;
use crate::cli::{Outcome, code, operands};
use crate::model::{Daytime, Instant, VolumeName};
use crate::ops::{self, LogRequest, LogStart};
use crate::pool::Pool;
use crate::report::{LogStyle, LogView, Template};

/// Show the commits of the current branch, newest first
///
/// A..B shows the commits that are reachable from B but not from A. --format takes text, json or a
/// template: '{short} {subject}', '{id} {author} {date} {refs}', or git's '%h %s'.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol log
  dvol log --oneline --graph --all
  dvol log -5 HEAD~2 frob_mysql
  dvol log v1..experiment
  dvol log --since '2 weeks ago' --grep migration
  dvol log --format '{short} {date} {subject}'
  dvol log --code HEAD
  dvol log -p -1
  dvol log --oneline --project shop")]
pub(in crate::cli) struct LogArgs {
    /// Show at most N commits; -N works too
    #[arg(short = 'n', long, value_name = "N")]
    max_count: Option<usize>,
    #[command(flatten)]
    look: Look,
    #[command(flatten)]
    project: ProjectArg,
    /// Draw lines between commits and their parents
    #[arg(long, conflicts_with = "project")]
    graph: bool,
    /// Show the commits of all branches and tags
    #[arg(long)]
    all: bool,
    /// Show the oldest commit first
    #[arg(long, conflicts_with = "graph")]
    reverse: bool,
    /// Show commits made on or after DATE
    #[arg(long, value_name = "DATE", visible_alias = "after")]
    since: Option<String>,
    /// Show commits made on or before DATE
    #[arg(long, value_name = "DATE", visible_alias = "before")]
    until: Option<String>,
    /// Show commits whose author matches a regular expression
    #[arg(long, value_name = "PATTERN")]
    author: Option<String>,
    /// Show commits whose message matches a regular expression
    #[arg(long, value_name = "PATTERN")]
    grep: Option<String>,
    /// Ignore case in --author and --grep
    #[arg(short = 'i', long)]
    regexp_ignore_case: bool,
    /// Show the commits of all branches that were made at this commit of the code, or else at its
    /// nearest ancestor; run it in the work tree of the code
    #[arg(long, value_name = "REVISION", conflicts_with = "all")]
    code: Option<String>,
    #[command(flatten)]
    changes: Changes,
    /// Commit to start from [default: HEAD] or a range A..B, and volume
    #[arg(num_args = 0..=3, allow_negative_numbers = true, value_names = ["REVISION", "VOLUME"])]
    #[arg(add = crate::cli::complete::revisions())]
    operands: Vec<String>,
}

/// Flags that decide how commits look; `show` has them too.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Look {
    /// Show each commit on one line
    #[arg(long)]
    oneline: bool,
    /// Accepted for compatibility with git: oneline, medium, or a template as of --format
    #[arg(long, hide = true, value_name = "FORMAT", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "medium", conflicts_with = "oneline")]
    pretty: Option<String>,
    /// Show branches and tags beside commits even if the output is not a terminal
    #[arg(long, overrides_with = "no_decorate")]
    decorate: bool,
    /// Do not show branches and tags beside commits
    #[arg(long)]
    no_decorate: bool,
}

impl Look {
    pub(in crate::cli) fn style(&self, session: &Session) -> Result<LogStyle, Failure> {
        if let Some(template) = session.globals.template() {
            return Ok(LogStyle::Template(template));
        }
        match self.pretty.as_deref() {
            None if self.oneline => Ok(LogStyle::Oneline),
            None | Some("short" | "medium" | "full" | "fuller") => Ok(LogStyle::Full),
            Some("oneline") => Ok(LogStyle::Oneline),
            Some(text) if text.contains(['{', '%']) => {
                Template::parse(text).map(LogStyle::Template).map_err(Failure::Usage)
            }
            Some(text) => Err(Failure::Usage(format!(
                "'{text}' is no format: use oneline, medium or a template such as '%h %s'"
            ))),
        }
    }

    pub(in crate::cli) fn decorates(&self) -> bool {
        self.decorate || (!self.no_decorate && std::io::stdout().is_terminal())
    }
}

pub(in crate::cli) fn run(session: &Session, args: &LogArgs) -> Outcome {
    let style = args.look.style(session)?;
    let (numbers, words): (Vec<_>, Vec<_>) =
        args.operands.iter().cloned().partition(|word| minus(word).is_some());
    let project = args.project.read(session, None)?;
    let all = args.all || args.code.is_some();
    let (start, volume) =
        if project.is_some() { (start_in_each(&words, all)?, None) } else { start(session, &words, all)? };
    let pattern = |text: &Option<String>| -> Result<Option<Regex>, Failure> {
        let Some(text) = text else { return Ok(None) };
        let built = RegexBuilder::new(text).case_insensitive(args.regexp_ignore_case).build();
        built.map(Some).map_err(|_| Failure::Usage(format!("'{text}' is not a regular expression")))
    };
    let request = LogRequest {
        volume,
        start,
        most: args.max_count.or_else(|| numbers.last().and_then(|word| minus(word))),
        since: args.since.as_deref().map(|text| date(&session.pool, text, Daytime::Start)).transpose()?,
        until: args.until.as_deref().map(|text| date(&session.pool, text, Daytime::End)).transpose()?,
        author: pattern(&args.author)?,
        grep: pattern(&args.grep)?,
        code: args.code.as_deref().map(|text| code::history(&Git::here(&session.pool), text)).transpose()?,
        topological: args.graph,
        reverse: args.reverse,
        detailed: false,
    };
    let log = match &project {
        Some(project) => ops::log_project(&session.pool, project, &request)?,
        None => ops::log(&session.pool, &request)?,
    };
    if log.entries.is_empty() && project.is_none() && session.wants_remarks() {
        note_no_commits(session, request.volume.as_ref())?;
    }
    let view = LogView { log, style, decorate: args.look.decorates(), graph: args.graph };
    if args.changes.any() {
        log_changes::page(session, &view, args.changes)?;
    } else {
        session.page(&view)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells an empty log of a branch without commits from one whose commits were filtered out.
fn note_no_commits(session: &Session, volume: Option<&VolumeName>) -> Result<(), Failure> {
    let volume = session.pool.select(volume)?;
    let branches = ops::branches(&session.pool, Some(&volume))?.branches;
    if let Some(branch) = branches.iter().find(|branch| branch.current && branch.head.is_none()) {
        say("note", &format!("branch {} of volume {volume} has no commits yet", branch.branch));
    }
    Ok(())
}

/// Parses `-N`.
fn minus(word: &str) -> Option<usize> {
    word.strip_prefix('-')?.parse().ok()
}

fn start(session: &Session, words: &[String], all: bool) -> Result<(LogStart, Option<VolumeName>), Failure> {
    if let [range, rest @ ..] = words
        && operands::is_range(session, range)
    {
        let volume = operands::only_volume(session, rest)?;
        return Ok((LogStart::Range(session.range(range)?), volume));
    }
    let operands = operands::read(session, words)?;
    match operands.revision {
        Some(_) if all => Err(Failure::Usage("--all and --code take no revision".to_owned())),
        Some(revision) => Ok((LogStart::Revision(revision), operands.volume)),
        None if all => Ok((LogStart::All, operands.volume)),
        None => Ok((LogStart::Head, operands.volume)),
    }
}

/// Reads where to start in each volume of a project.
fn start_in_each(words: &[String], all: bool) -> Result<LogStart, Failure> {
    if let [range] = words
        && range.contains("..")
    {
        return Ok(LogStart::Range(range.parse()?));
    }
    match operands::only_revision(words)? {
        Some(_) if all => Err(Failure::Usage("--all and --code take no revision".to_owned())),
        Some(revision) => Ok(LogStart::Revision(revision)),
        None if all => Ok(LogStart::All),
        None => Ok(LogStart::Head),
    }
}

/// Parses a date, relative to now.
pub(in crate::cli) fn date(pool: &Pool, text: &str, daytime: Daytime) -> Result<Instant, Failure> {
    Instant::parse(text, pool.now(), daytime).map_err(|error| Failure::Usage(error.to_string()))
}
