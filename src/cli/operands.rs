//! Words that may name a revision, a volume, or both: the volume may always be named last.

use super::output::Failure;
use super::session::Session;
use crate::error::Error;
use crate::model::{BranchName, Revision, TagName, VolumeName};
use crate::pool::existing;

/// What the words after a verb name.
#[derive(Debug, Default)]
pub(super) struct Operands {
    pub(super) revision: Option<Revision>,
    pub(super) volume: Option<VolumeName>,
}

/// Tells `[REVISION] [VOLUME]` apart. One word alone is the volume of that name when there is one,
/// unless `-C` names the volume already.
pub(super) fn read(session: &Session, words: &[String]) -> Result<Operands, Failure> {
    let flag = session.volume(None)?;
    match words {
        [] => Ok(Operands { revision: None, volume: flag }),
        [revision, volume] => {
            let volume: VolumeName = volume.parse()?;
            let volume = session.volume(Some(&volume))?;
            Ok(Operands { revision: Some(session.revision(revision)?), volume })
        }
        [word] if flag.is_some() => Ok(Operands { revision: Some(session.revision(word)?), volume: flag }),
        [word] => one(session, word),
        _ => Err(Failure::Usage(format!("too many words: {}", words.join(" ")))),
    }
}

/// The words that may only be a volume.
pub(super) fn only_volume(session: &Session, words: &[String]) -> Result<Option<VolumeName>, Failure> {
    match words {
        [] => session.volume(None),
        [word] => session.volume(Some(&word.parse()?)),
        _ => Err(Failure::Usage(format!("too many words: {}", words.join(" ")))),
    }
}

/// The words that may only be a revision, where all volumes of a project are meant.
pub(super) fn only_revision(words: &[String]) -> Result<Option<Revision>, Failure> {
    match words {
        [] => Ok(None),
        [word] => Ok(Some(word.parse()?)),
        _ => {
            Err(Failure::Usage("--project means all volumes of the project: name none beside it".to_owned()))
        }
    }
}

/// Whether a word is `A..B`. A branch may be called that; then the word is the branch.
pub(super) fn is_range(session: &Session, word: &str) -> bool {
    let is_branch = || {
        let branch = word.parse::<BranchName>().ok()?;
        let volume = session.pool.select(session.volume(None).ok()?.as_ref()).ok()?;
        session.pool.store().read(|rows| rows.branch(&volume, &branch)).ok()?
    };
    word.contains("..") && is_branch().is_none()
}

/// A last word, which names a volume or a revision, as alone.
pub(super) fn last(session: &Session, word: &str) -> Result<Operands, Failure> {
    let flag = session.volume(None)?;
    if flag.is_some() || word.contains(':') {
        return Ok(Operands { revision: Some(session.revision(word)?), volume: flag });
    }
    one(session, word)
}

fn one(session: &Session, word: &str) -> Result<Operands, Failure> {
    let as_volume = match word.parse::<VolumeName>() {
        Ok(name) => session.pool.store().read(|rows| rows.volume(&name))?.map(|record| record.name),
        Err(_) => None,
    };
    let current = session.pool.store().read(|rows| rows.current_volume())?;
    let is_branch = match (&current, word.parse::<BranchName>()) {
        (Some(current), Ok(branch)) => {
            session.pool.store().read(|rows| rows.branch(current, &branch))?.is_some()
        }
        _ => false,
    };
    let is_tag = match (&current, word.parse::<TagName>()) {
        (Some(current), Ok(tag)) => session.pool.store().read(|rows| rows.tag(current, &tag))?.is_some(),
        _ => false,
    };
    match (as_volume, current) {
        (Some(volume), Some(current)) if is_branch && volume != current => {
            Err(both(word, "branch", &current))
        }
        (Some(volume), Some(current)) if is_tag && volume != current => Err(both(word, "tag", &current)),
        (Some(volume), _) => Ok(Operands { revision: None, volume: Some(volume) }),
        (None, current) => match short_name(session, word, current.as_ref())? {
            Some(volume) => Ok(Operands { revision: None, volume: Some(volume) }),
            None => no_volume(session, word, current.as_ref()),
        },
    }
}

/// The volume that the compose project of this directory calls so, unless the word names a commit.
fn short_name(
    session: &Session,
    word: &str,
    current: Option<&VolumeName>,
) -> Result<Option<VolumeName>, Failure> {
    let Ok(name) = word.parse::<VolumeName>() else { return Ok(None) };
    let commit = current.zip(word.parse::<Revision>().ok()).map(|(volume, revision)| {
        session.pool.store().read(|rows| session.pool.resolve(&rows, &existing(&rows, volume)?, &revision))
    });
    if commit.is_some_and(|found| found.is_ok()) {
        return Ok(None);
    }
    let found = session.find(&name)?;
    Ok((found != name).then_some(found))
}

fn no_volume(session: &Session, word: &str, current: Option<&VolumeName>) -> Result<Operands, Failure> {
    match current {
        // Without a current volume the word can only have meant one.
        None => match word.parse::<VolumeName>() {
            Ok(volume) => Err(Error::NoVolume(volume).into()),
            Err(_) => Err(Error::NoCurrentVolume.into()),
        },
        Some(_) => Ok(Operands { revision: Some(session.revision(word)?), volume: None }),
    }
}

fn both(word: &str, kind: &str, current: &VolumeName) -> Failure {
    Failure::Usage(format!(
        "'{word}' names both a volume and a {kind} of volume {current}: use -C to name the volume"
    ))
}
