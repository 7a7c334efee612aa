//! `export`: write a commit as an archive, or the metadata of the whole pool as JSON lines.

use std::io::Write;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::layout;
use crate::model::{
    Binding, BranchRecord, CommitId, CommitRecord, Instant, Revision, Signature, TagRecord, VolumeName,
    VolumeRecord,
};
use crate::pool::{Found, Pool, existing};
use crate::sys::disk;
use crate::sys::error::At as _;
use crate::sys::tree::{ArchiveWriter, OpenTree};

/// The name of the archive's first file, the manifest.
pub(super) const MANIFEST: &str = "dvol.json";
/// The archive format that this program writes and reads.
pub(super) const FORMAT: u32 = 1;
/// The directory in an archive that holds the commit's tree.
const TREE: &str = "data";

/// The manifest: the first file of an archive.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The format of the archive.
    pub(super) format: u32,
    /// The program that wrote it.
    pub(super) made_by: String,
    /// The directory of the tree in the archive.
    pub(super) tree: String,
    /// The commit.
    pub(super) commit: CommitRecord,
}

/// A commit that was exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The volume.
    pub volume: VolumeName,
    /// The commit.
    pub id: CommitId,
    /// Whether the volume has no commit, and its working tree was exported under a new id.
    pub of_working_tree: bool,
    /// Number of entries in the tree, its root included.
    pub entries: u64,
    /// Bytes in its files, without holes.
    pub bytes: u64,
    /// Number of sockets that were left out, as no archive can hold one.
    pub left_out: u64,
    /// Labels of the host (SELinux, IMA, Smack), which archives are without.
    pub labels_left_out: u64,
}

/// Writes the commit that `revision` names to `out` as a tar archive: the manifest `dvol.json`, and
/// the tree as `data/`. Writes the working tree of a volume without commits on a read-only disk:
/// there is no other way to save it.
///
/// # Errors
/// When the commit does not exist, its tree cannot be read, or `out` cannot be written.
pub fn export(
    pool: &Pool,
    volume: Option<&VolumeName>,
    revision: &Revision,
    out: &mut dyn Write,
) -> Result<Exported, Error> {
    let volume = pool.select(volume)?;
    let (commit, tree, of_working_tree) = pool.read_again_if_moved(&volume, || {
        let found = pool.store().read(|rows| pool.resolve(&rows, &existing(&rows, &volume)?, revision));
        let (commit, tree, of_working_tree) = match found {
            // No commit can be made any more, and nothing changes the tree.
            Err(Error::NoCommits { volume, branch }) if disk::is_read_only(pool.layout().root()) => {
                (stand_in(pool, &volume), layout::working_tree(&volume, &branch), true)
            }
            found => found.map(|Found { commit, tree, .. }| (commit, tree, false))?,
        };
        Ok((commit, OpenTree::open(&pool.layout().full(&tree))?, of_working_tree))
    })?;
    let text = manifest_of(&commit);
    let (cancel, archive) = (pool.interrupted(), std::path::Path::new("the archive"));
    let mut writer = ArchiveWriter::new(out, cancel);
    let seconds = u64::try_from(commit.date.micros / 1_000_000).unwrap_or(0);
    writer.text(MANIFEST, seconds, &text).at("write", archive)?;
    writer.tree(tree, TREE)?;
    let stats = writer.finish().at("write", archive)?;
    // If trash was emptied meanwhile, the archive may hold only a part of a dropped commit.
    if let Err(error @ (Error::Dropped { .. } | Error::Forgotten { .. } | Error::Elsewhere { .. })) =
        pool.commit_tree(&commit.volume, &commit.id)
    {
        return Err(error);
    }
    Ok(Exported {
        volume: commit.volume,
        id: commit.id,
        of_working_tree,
        entries: stats.entries,
        bytes: stats.bytes,
        left_out: stats.left_out,
        labels_left_out: stats.labels,
    })
}

/// Writes the manifest of a commit.
pub(super) fn manifest_of(commit: &CommitRecord) -> String {
    let manifest = Manifest {
        format: FORMAT,
        made_by: format!("dvol {}", env!("CARGO_PKG_VERSION")),
        tree: TREE.to_owned(),
        commit: CommitRecord { forgotten: false, ..commit.clone() },
    };
    serde_json::to_string_pretty(&manifest).expect("a manifest has string keys only") + "\n"
}

/// Makes the record under which a working tree is exported.
fn stand_in(pool: &Pool, volume: &VolumeName) -> CommitRecord {
    CommitRecord {
        volume: volume.clone(),
        id: pool.new_commit_id(),
        parent: None,
        message: format!("The working tree of {volume}"),
        author: Signature { name: "unknown".to_owned(), email: String::new() },
        date: pool.now(),
        code: None,
        size: None,
        forgotten: false,
        made_on: None,
    }
}

/// A row of the metadata as a line of JSON. As in the database, times are microseconds since 1970
/// with the offset from UTC in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum MetadataLine {
    /// The header line.
    Pool {
        /// The format of these lines.
        format: u32,
        /// The program that wrote them.
        made_by: String,
        /// When the lines were written.
        made: Instant,
        /// The current volume.
        current_volume: Option<VolumeName>,
    },
    /// A volume.
    Volume(VolumeRecord),
    /// A branch.
    Branch(BranchRecord),
    /// A commit.
    Commit(CommitRecord),
    /// A tag.
    Tag(TagRecord),
    /// A mount.
    Binding(Binding),
    /// A setting of the pool or of a volume.
    Setting {
        /// The volume; `None` for the pool's.
        volume: Option<VolumeName>,
        /// The setting.
        key: String,
        /// Its value.
        value: String,
    },
}

/// Lists all metadata of the pool as of one moment.
///
/// # Errors
/// When the metadata cannot be read.
pub fn metadata(pool: &Pool) -> Result<Vec<MetadataLine>, Error> {
    pool.store().read(|rows| {
        let mut lines = vec![MetadataLine::Pool {
            format: FORMAT,
            made_by: format!("dvol {}", env!("CARGO_PKG_VERSION")),
            made: pool.now(),
            current_volume: rows.current_volume()?,
        }];
        let setting = |volume: Option<&VolumeName>, (key, value): (String, String)| MetadataLine::Setting {
            volume: volume.cloned(),
            key,
            value,
        };
        lines.extend(rows.settings(None)?.into_iter().map(|pair| setting(None, pair)));
        for volume in rows.volumes()? {
            let (name, has_rows) = (volume.name.clone(), !volume.is_worktree());
            lines.push(MetadataLine::Volume(volume));
            if has_rows {
                lines.extend(rows.branches(&name)?.into_iter().map(MetadataLine::Branch));
                lines.extend(rows.commits(&name)?.into_iter().map(MetadataLine::Commit));
                lines.extend(rows.tags(&name)?.into_iter().map(MetadataLine::Tag));
            }
            lines.extend(rows.bindings(&name)?.into_iter().map(MetadataLine::Binding));
            lines.extend(rows.settings(Some(&name))?.into_iter().map(|pair| setting(Some(&name), pair)));
        }
        Ok(lines)
    })
}

/// Makes `place` an empty directory for a commit's tree; an archive may have no entry for its root.
pub(super) fn make_root(place: &std::path::Path) -> Result<(), Error> {
    Ok(disk::make_directory(place, layout::WORKING_TREE_MODE)?)
}
