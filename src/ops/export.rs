//! `export`: writes a commit as an archive, and the metadata of the whole pool as JSON lines.

use std::io::Write;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::layout;
use crate::model::{
    Binding, BranchRecord, CommitId, CommitRecord, Instant, Revision, TagRecord, VolumeName, VolumeRecord,
};
use crate::pool::{Found, Pool, existing};
use crate::sys::disk;
use crate::sys::error::At as _;
use crate::sys::tree::ArchiveWriter;

/// Names the archive's first file, which says what the rest is.
pub(super) const MANIFEST: &str = "dvol.json";
/// The format of archives that this program writes and reads.
pub(super) const FORMAT: u32 = 1;
/// The directory of the tree in an archive.
const TREE: &str = "data";

/// What the archive's first file says.
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
    /// Entries of the tree, its root included.
    pub entries: u64,
    /// Bytes of its files, without holes.
    pub bytes: u64,
    /// Sockets, which no archive can hold.
    pub left_out: u64,
    /// Labels of the host (SELinux, IMA, Smack), which archives are without.
    pub labels_left_out: u64,
}

/// Writes the commit that `revision` names in `volume` to `out` as a tar archive: `dvol.json` with
/// the commit's record, and its tree as `data/`.
///
/// # Errors
/// When there is no such commit, its tree cannot be read, or `out` cannot be written.
pub fn export(
    pool: &Pool,
    volume: Option<&VolumeName>,
    revision: &Revision,
    out: &mut dyn Write,
) -> Result<Exported, Error> {
    let volume = pool.select(volume)?;
    let found = pool.store().read(|rows| pool.resolve(&rows, &existing(&rows, &volume)?, revision))?;
    let Found { commit, tree, .. } = found;
    let manifest = Manifest {
        format: FORMAT,
        made_by: format!("dvol {}", env!("CARGO_PKG_VERSION")),
        tree: TREE.to_owned(),
        commit: commit.clone(),
    };
    let text = serde_json::to_string_pretty(&manifest).expect("a manifest has string keys only");
    let (cancel, archive) = (pool.interrupted(), std::path::Path::new("the archive"));
    let mut writer = ArchiveWriter::new(out, &cancel);
    let seconds = u64::try_from(commit.date.micros / 1_000_000).unwrap_or(0);
    writer.text(MANIFEST, seconds, &format!("{text}\n")).at("write", archive)?;
    writer.tree(&pool.layout().full(&tree), TREE)?;
    let stats = writer.finish().at("write", archive)?;
    Ok(Exported {
        volume: commit.volume,
        id: commit.id,
        entries: stats.entries,
        bytes: stats.bytes,
        left_out: stats.left_out,
        labels_left_out: stats.labels,
    })
}

/// One row of the metadata, as one line of JSON. Times are stored ones: microseconds since 1970,
/// and the offset from UTC in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum MetadataLine {
    /// The first line.
    Pool {
        /// The format of these lines.
        format: u32,
        /// The program that wrote them.
        made_by: String,
        /// When.
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
    /// A setting, of the pool or of one volume.
    Setting {
        /// The volume; none is the pool.
        volume: Option<VolumeName>,
        /// The setting.
        key: String,
        /// Its value.
        value: String,
    },
}

/// Returns all metadata of the pool as of one moment.
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
            let name = volume.name.clone();
            lines.push(MetadataLine::Volume(volume));
            lines.extend(rows.branches(&name)?.into_iter().map(MetadataLine::Branch));
            lines.extend(rows.commits(&name)?.into_iter().map(MetadataLine::Commit));
            lines.extend(rows.tags(&name)?.into_iter().map(MetadataLine::Tag));
            lines.extend(rows.bindings(&name)?.into_iter().map(MetadataLine::Binding));
            lines.extend(rows.settings(Some(&name))?.into_iter().map(|pair| setting(Some(&name), pair)));
        }
        Ok(lines)
    })
}

/// Makes `place` an empty directory for a commit's tree whose archive may say nothing of its root.
pub(super) fn make_root(place: &std::path::Path) -> Result<(), Error> {
    Ok(disk::make_directory(place, layout::WORKING_TREE_MODE)?)
}
