//! Importing the volumes of an older tool: dvol makes metadata and leaves the older tool's files
//! where they are. A crash leaves either no metadata or all of it.

use super::{Notice, Pool, Setting};
use crate::error::Error;
use crate::layout;
use crate::model::{
    BranchRecord, CommitRecord, Instant, Row, RowChange, Signature, Verb, VolumeName, VolumeRecord,
};
use crate::store::{Legacy, LegacyVolume, Writer, read_legacy};
use crate::sys::disk;

/// Author of commits whose author is not recorded.
const UNKNOWN_AUTHOR: &str = "unknown";

impl Pool {
    /// Imports all volumes of an older tool, if the pool has no metadata yet. Returns their names.
    ///
    /// # Errors
    /// When the pool cannot be read or written; then nothing is imported.
    pub fn import_legacy(&self) -> Result<Vec<VolumeName>, Error> {
        // Lost metadata is reported by fsck.
        if !matches!(self.store.is_there(), Ok(false)) {
            return Ok(Vec::new());
        }
        let Some(older) = read_legacy(&self.layout)? else { return Ok(Vec::new()) };
        self.prepare_directories()?;
        // The older tool left the pool open to all users.
        disk::set_mode(self.layout.root(), layout::POOL_MODE)?;
        // Under the lock of the metadata, so that of two processes only one imports.
        let adopted = self.store.create_with(|writer| {
            older.volumes.iter().try_for_each(|volume| self.furnish_older(volume))?;
            self.insert_older(writer, &older)
        })?;
        let Some(adopted) = adopted else { return Ok(Vec::new()) };
        if !self.layout.adopted().exists() {
            disk::write_new(&self.layout.adopted(), b"", 0o600)?;
        }
        self.tell_adopted(&older, &adopted);
        Ok(adopted)
    }

    /// Imports the volumes of an older tool that could not be imported before. Returns their names.
    ///
    /// # Errors
    /// When the pool cannot be read or written.
    pub fn adopt_rest(&self) -> Result<Vec<VolumeName>, Error> {
        let Some(mut older) = read_legacy(&self.layout)? else { return Ok(Vec::new()) };
        let known = self.store.read(|rows| rows.volumes())?;
        let is_known = |name: &str| known.iter().any(|volume| volume.name.as_str() == name);
        older.volumes.retain(|volume| !is_known(volume.name.as_str()));
        older.refused.retain(|(name, _)| !is_known(name));
        let mut all = Vec::new();
        for volume in std::mem::take(&mut older.volumes) {
            let session = self.begin(Verb::Import, &volume.name)?;
            self.furnish_older(&volume)?;
            let one = Legacy { volumes: vec![volume], ..Legacy::default() };
            all.extend(self.store.write(|writer| self.insert_older(writer, &one))?);
            drop(session);
        }
        self.tell_adopted(&older, &all);
        Ok(all)
    }

    /// Makes the directories and links that an older tool's volume may lack.
    fn furnish_older(&self, volume: &LegacyVolume) -> Result<(), Error> {
        let directory = self.layout.full(&layout::volume(&volume.name));
        disk::ensure_directory(&directory.join(layout::COMMITS), layout::VOLUME_MODE)?;
        for folder in [layout::COMMITS, layout::BRANCHES, "."] {
            disk::set_mode(&directory.join(folder), layout::VOLUME_MODE)?;
        }
        for (branch, head) in &volume.branches {
            let tree = self.layout.full(&layout::working_tree(&volume.name, branch));
            if !tree.exists() {
                disk::ensure_directory(&tree, layout::WORKING_TREE_MODE)?;
                self.tell(&Notice::EmptyTree {
                    volume: volume.name.clone(),
                    branch: branch.clone(),
                    has_commit: head.is_some(),
                });
            }
        }
        let point = directory.join(layout::RUNNING_POINT);
        let target = layout::running_point_target(&volume.branch);
        if disk::read_symlink(&point)? == Some(target.clone()) {
            return Ok(());
        }
        if disk::inode(&point)?.is_none() {
            disk::make_symlink(&target, &point)?;
        } else {
            // The older tool's link is absolute, so it holds only where the pool was made.
            let staged = self.layout.link_new(&self.new_operation_id());
            disk::make_symlink(&target, &staged)?;
            disk::exchange(&staged, &point)?;
            disk::remove_file(&staged)?;
        }
        Ok(disk::sync_directory(&directory)?)
    }

    fn insert_older(&self, writer: &Writer<'_>, older: &Legacy) -> Result<Vec<VolumeName>, Error> {
        let mut adopted = Vec::new();
        for (key, value) in &older.settings {
            match Setting::find(key) {
                Ok(setting) if setting.check(value).is_ok() => {
                    writer.set_setting(None, setting.key, Some(value))?;
                }
                _ => self.tell(&Notice::Flawed {
                    flaw: format!("ignored setting {key}: dvol has no such setting or allows no such value"),
                }),
            }
        }
        let of = |key: &str| Ok::<_, Error>(writer.setting(None, key)?.unwrap_or_default());
        let mut author = Signature { name: of("user.name")?, email: of("user.email")? };
        if author.name.is_empty() {
            UNKNOWN_AUTHOR.clone_into(&mut author.name);
        }
        for volume in &older.volumes {
            if writer.volume(&volume.name)?.is_some() {
                continue;
            }
            for row in rows_of(volume, &author) {
                writer.apply(&RowChange::insert(row))?;
            }
            adopted.push(volume.name.clone());
        }
        if let Some(current) = &older.current {
            writer.set_current_volume(Some(current))?;
        }
        Ok(adopted)
    }

    fn tell_adopted(&self, older: &Legacy, adopted: &[VolumeName]) {
        for flaw in &older.flaws {
            self.tell(&Notice::Flawed { flaw: flaw.clone() });
        }
        for volume in adopted {
            self.tell(&Notice::Adopted { volume: volume.clone() });
        }
        for (volume, reason) in &older.refused {
            self.tell(&Notice::NotAdopted { volume: volume.clone(), reason: reason.clone() });
        }
    }
}

fn rows_of(volume: &LegacyVolume, author: &Signature) -> Vec<Row> {
    let (name, created): (&VolumeName, Instant) = (&volume.name, volume.created);
    let mut rows = vec![Row::Volume(VolumeRecord::new(name.clone(), created, volume.branch.clone()))];
    rows.extend(volume.branches.iter().map(|(branch, head)| {
        Row::Branch(BranchRecord {
            volume: name.clone(),
            name: branch.clone(),
            head: head.clone(),
            created,
            protected: false,
        })
    }));
    rows.extend(volume.commits.iter().map(|commit| {
        Row::Commit(CommitRecord {
            volume: name.clone(),
            id: commit.id.clone(),
            parent: commit.parent.clone(),
            message: commit.message.clone(),
            author: author.clone(),
            date: commit.date,
            code: None,
            size: None,
            forgotten: false,
            made_on: None,
        })
    }));
    rows
}
