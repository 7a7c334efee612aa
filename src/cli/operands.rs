//! Parses operands that name a revision, a volume, or both; the volume may always stand last.

use super::output::Failure;
use super::session::Session;
use crate::error::Error;
use crate::model::{BranchName, Revision, TagName, VolumeName};
use crate::pool::existing;

/// The operands of a verb.
#[derive(Debug, Default)]
pub(super) struct Operands {
    pub(super) revision: Option<Revision>,
    pub(super) volume: Option<VolumeName>,
}

/// Parses `[REVISION] [VOLUME]`. A single word is a volume if one has that name, unless `-C` names
/// the volume already.
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

/// Parses `[VOLUME]`.
pub(super) fn only_volume(session: &Session, words: &[String]) -> Result<Option<VolumeName>, Failure> {
    match words {
        [] => session.volume(None),
        [word] => session.volume(Some(&word.parse()?)),
        _ => Err(Failure::Usage(format!("too many words: {}", words.join(" ")))),
    }
}

/// Parses `[REVISION]`, for the volumes of a project.
pub(super) fn only_revision(words: &[String]) -> Result<Option<Revision>, Failure> {
    match words {
        [] => Ok(None),
        [word] => Ok(Some(word.parse()?)),
        _ => Err(Failure::Usage("--project covers all volumes of the project: name no volume".to_owned())),
    }
}

/// Returns whether a word is a range `A..B`, and not a branch of that name.
pub(super) fn is_range(session: &Session, word: &str) -> bool {
    let is_branch = || {
        let branch = word.parse::<BranchName>().ok()?;
        let volume = session.pool.select(session.volume(None).ok()?.as_ref()).ok()?;
        session.pool.store().read(|rows| rows.branch(&rows.owner(&volume)?, &branch)).ok()?
    };
    word.contains("..") && is_branch().is_none()
}

/// Parses the last word, which names a volume or a revision.
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
    let current = match session.pool.meant() {
        // Another volume is named.
        Err(Error::NoVolume(_)) if as_volume.is_some() => None,
        meant => meant?.map(|(volume, _)| volume),
    };
    let is_branch = match (&current, word.parse::<BranchName>()) {
        (Some(current), Ok(branch)) => {
            session.pool.store().read(|rows| rows.branch(&rows.owner(current)?, &branch))?.is_some()
        }
        _ => false,
    };
    let is_tag = match (&current, word.parse::<TagName>()) {
        (Some(current), Ok(tag)) => {
            session.pool.store().read(|rows| rows.tag(&rows.owner(current)?, &tag))?.is_some()
        }
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

/// Returns the volume that the compose project of this directory calls `word`, unless `word` names
/// a commit.
fn short_name(
    session: &Session,
    word: &str,
    current: Option<&VolumeName>,
) -> Result<Option<VolumeName>, Failure> {
    let Ok(name) = word.parse::<VolumeName>() else { return Ok(None) };
    let commit = current.zip(word.parse::<Revision>().ok());
    let commit = commit.map(|(volume, revision)| find_commit(session, volume, &revision));
    if commit.is_some_and(|found| found.is_ok()) {
        return Ok(None);
    }
    let found = session.find(&name)?;
    Ok((found != name).then_some(found))
}

fn find_commit(session: &Session, volume: &VolumeName, revision: &Revision) -> Result<(), Error> {
    let pool = &session.pool;
    pool.store().read(|rows| pool.resolve(&rows, &existing(&rows, volume)?, revision)).map(drop)
}

fn no_volume(session: &Session, word: &str, current: Option<&VolumeName>) -> Result<Operands, Failure> {
    match current {
        // Without a current volume, the word must be a volume.
        None => match word.parse::<VolumeName>() {
            Ok(volume) => Err(Error::NoVolume(volume).into()),
            Err(_) => Err(Error::NoCurrentVolume.into()),
        },
        Some(current) => {
            let revision = session.revision(word)?;
            let unknown = || Error::UnknownOperand { word: word.to_owned(), volume: current.clone() };
            let is_name = word.parse::<VolumeName>().is_ok();
            match find_commit(session, current, &revision) {
                Err(Error::UnknownRevision { .. }) if is_name => Err(unknown().into()),
                _ => Ok(Operands { revision: Some(revision), volume: None }),
            }
        }
    }
}

fn both(word: &str, kind: &str, current: &VolumeName) -> Failure {
    Failure::Usage(format!(
        "'{word}' is both a volume and a {kind} of volume {current}: name the volume with -C"
    ))
}
