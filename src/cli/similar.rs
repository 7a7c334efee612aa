//! "Did you mean": suggests names that are spelled like one that does not exist.

use crate::error::Error;
use crate::model::{BranchName, Revision, VolumeName, plain};
use crate::pool::{Pool, SETTINGS, existing};
use crate::store::Rows;

/// The Jaro-Winkler similarity (1 is equal) from which on to suggest a name; clap uses the same.
const MIN_SIMILARITY: f64 = 0.8;
/// How many names to suggest at most.
const MAX_SUGGESTIONS: usize = 3;

/// Suggests names that are spelled like the one that an error is about.
pub(super) fn hint(pool: &Pool, error: &Error) -> Option<String> {
    let (wanted, names) = match error {
        Error::NoVolume(name) | Error::NoVolumeToRemove(name) => (name.as_str(), volumes(pool)),
        Error::NoBranch { volume, branch } => (branch.as_str(), branches(pool, volume)),
        Error::NoTag { volume, tag } => (tag.as_str(), tags(pool, volume)),
        Error::UnknownRevision { revision, volume } | Error::UnknownOperand { word: revision, volume } => {
            let mut names = branches(pool, volume);
            names.extend(tags(pool, volume));
            // A volume may stand where a revision may.
            names.extend(volumes(pool));
            names.extend(["HEAD".to_owned(), "ORIG_HEAD".to_owned()]);
            let base = revision.rsplit(':').next().unwrap_or_default();
            (base.split(['^', '~']).next().unwrap_or_default(), names)
        }
        Error::UnknownSetting(key) => {
            (key.as_str(), SETTINGS.iter().map(|setting| setting.key.to_owned()).collect())
        }
        _ => return None,
    };
    did_you_mean(wanted, names)
}

/// Suggests those of `names` that are spelled like `wanted`.
pub(super) fn did_you_mean(wanted: &str, names: Vec<String>) -> Option<String> {
    let found = alike(wanted, names);
    (!found.is_empty()).then(|| format!("did you mean {}?", found.join(" or ")))
}

/// Hints at what was meant when a commit was named instead of a branch, a branch instead of a
/// volume, or a volume instead of a commit.
pub(super) fn of_another_kind(pool: &Pool, error: &Error) -> Option<String> {
    match error {
        Error::NoBranch { volume, branch } => {
            let revision: Revision = branch.parse().ok()?;
            let find = |rows: Rows<'_>| pool.resolve(&rows, &existing(&rows, volume)?, &revision);
            let commit = pool.store().read(find).ok()?.commit;
            Some(format!(
                "'{branch}' is commit {}; create a branch from it: dvol checkout -b NAME {branch}",
                commit.id.short()
            ))
        }
        Error::UnknownRevision { revision, volume } => {
            let name: VolumeName = revision.parse().ok()?;
            pool.store().read(|rows| rows.volume(&name)).ok()??;
            let of_both = |rows: Rows<'_>| Ok::<_, Error>((rows.owner(&name)?, rows.owner(volume)?));
            let (owner, other) = pool.store().read(of_both).ok()?;
            (owner == other).then(|| format!("'{name}' is a volume; name the commit it is on: {name}:HEAD"))
        }
        Error::NoVolume(name) => {
            let branch: BranchName = name.as_str().parse().ok()?;
            let current = pool.meant().ok()??.0;
            pool.store().read(|rows| rows.branch(&rows.owner(&current)?, &branch)).ok()??;
            Some(format!("'{branch}' is a branch of volume {current}; switch to it: dvol checkout {branch}"))
        }
        _ => None,
    }
}

fn alike(wanted: &str, names: Vec<String>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let scored = names.into_iter().map(|name| {
        let other = name.to_lowercase();
        // Jaro-Winkler rates short names low; one typo always counts as similar.
        let slip = wanted.len() > 1 && strsim::osa_distance(&wanted, &other) == 1;
        (strsim::jaro_winkler(&wanted, &other).max(if slip { 0.9 } else { 0.0 }), name)
    });
    let mut found: Vec<_> = scored.filter(|(score, _)| *score > MIN_SIMILARITY).collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    found.into_iter().take(MAX_SUGGESTIONS).map(|(_, name)| format!("'{name}'")).collect()
}

fn volumes(pool: &Pool) -> Vec<String> {
    let found = pool.store().read(|rows| rows.volumes()).unwrap_or_default();
    found.into_iter().map(|volume| volume.name.to_string()).filter(|name| name.len() < 64).collect()
}

fn branches(pool: &Pool, volume: &VolumeName) -> Vec<String> {
    let found = pool.store().read(|rows| rows.branches(&rows.owner(volume)?)).unwrap_or_default();
    found.into_iter().map(|branch| branch.name.to_string()).collect()
}

fn tags(pool: &Pool, volume: &VolumeName) -> Vec<String> {
    let found = pool.store().read(|rows| rows.tags(&rows.owner(volume)?)).unwrap_or_default();
    found.into_iter().map(|tag| tag.name.to_string()).collect()
}

/// Lists the commits that an ambiguous prefix matches, one a line, like git.
pub(super) fn candidates(pool: &Pool, error: &Error) -> Option<String> {
    let Error::AmbiguousRevision { volume, candidates, .. } = error else { return None };
    let mut text = "the candidates are".to_owned();
    for id in candidates {
        let commit = pool.commit_record(volume, id).ok().flatten()?;
        let date = commit.date.to_zoned().strftime("%Y-%m-%d").to_string();
        let subject: String = commit.subject().chars().take(60).collect();
        let subject = plain(&subject);
        text.push_str(&format!("\n  {} {date} - {subject}", distinct(id.as_str(), candidates)));
    }
    Some(text)
}

/// Abbreviates `id` to the digits that tell it from the others, at least eight.
fn distinct<'a>(id: &'a str, all: &[crate::model::CommitId]) -> &'a str {
    let shared = |other: &str| id.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let most = all.iter().map(crate::model::CommitId::as_str).filter(|other| *other != id).map(shared).max();
    &id[..(most.unwrap_or(0) + 1).clamp(8, id.len())]
}

#[cfg(test)]
mod tests {
    use super::alike;

    #[test]
    fn only_similar_names_are_suggested() {
        let names = || ["master", "feature/login", "experiment"].map(str::to_owned).to_vec();
        assert_eq!(alike("mastre", names()), ["'master'"]);
        assert_eq!(alike("Experimnt", names()), ["'experiment'"]);
        assert_eq!(alike("dv", vec!["db".to_owned()]), ["'db'"]);
        assert!(alike("zzz", names()).is_empty());
    }
}
