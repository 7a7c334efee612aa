//! Report of `push`, in git's words.

use std::io::{self, Write};

use crate::model::{CommitId, RefName};
use crate::ops::{Pushed, PushedRef, RefOutcome};
use crate::remotes::Rejection;
use crate::report::json::json_line;
use crate::report::text::Text;

impl Text for Pushed {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let told = self.refs.iter().filter(|one| one.outcome != RefOutcome::UpToDate);
        let told: Vec<&PushedRef> = told.collect();
        if told.is_empty() {
            writeln!(out, "Everything up-to-date")?;
        } else {
            writeln!(out, "To {}/{}", self.url, self.their_volume)?;
        }
        told.into_iter().try_for_each(|one| writeln!(out, "{}", line(one)))?;
        for branch in &self.followers {
            let follows = self.refs.iter().find(|one| one.source.as_deref() == Some(branch.as_str()));
            let follows = follows.map_or(branch.as_str(), |one| one.reference.short());
            writeln!(out, "branch '{branch}' set up to track '{}/{follows}'.", self.remote)?;
        }
        Ok(())
    }
}

fn short(id: Option<&CommitId>) -> &str {
    id.map_or("nothing", CommitId::short)
}

fn line(one: &PushedRef) -> String {
    let kind = match one.reference {
        RefName::Head(_) => "branch",
        RefName::Tag(_) => "tag",
    };
    let to = one.reference.short();
    let way = format!("{} -> {to}", one.source.as_deref().unwrap_or(to));
    let (from, now) = (short(one.from.first()), short(one.to.as_ref()));
    let line = match one.outcome {
        RefOutcome::Created => format!(" * {:<18} {way}", format!("[new {kind}]")),
        RefOutcome::Forward => format!("   {:<18} {way}", format!("{from}..{now}")),
        RefOutcome::Forced => format!(" + {:<18} {way} (forced update)", format!("{from}...{now}")),
        RefOutcome::Deleted => format!(" - {:<18} {to}", "[deleted]"),
        RefOutcome::UpToDate => format!(" = {:<18} {way}", "[up to date]"),
        RefOutcome::Rejected(why) => {
            let why = match why {
                Rejection::FetchFirst => "fetch first",
                Rejection::NonFastForward => "non-fast-forward",
                Rejection::StaleInfo => "stale info",
                Rejection::AlreadyExists => "already exists",
                Rejection::NoSuchRef => "remote ref does not exist",
            };
            format!(" ! {:<18} {way} ({why})", "[rejected]")
        }
    };
    match one.crossed.as_slice() {
        [] => line,
        [other] => format!("{line} (and {} of another push)", other.short()),
        others => format!("{line} (and {} commits of other pushes)", others.len()),
    }
}

json_line!(Pushed);
