//! Repositories in a directory, which may be shared over NFS.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::transport::{NAME_LENGTH, Object, Transport, UNFINISHED, refuse_large};

/// Mode of the files, less what the umask takes: a group may share a repository.
const FILE_MODE: u32 = 0o640;

/// A directory.
#[derive(Debug)]
pub(super) struct Directory {
    root: PathBuf,
}

impl Directory {
    pub(super) fn new(root: &Path) -> Self {
        Directory { root: root.to_owned() }
    }

    /// Writes a file under a name of its own, and makes the folder of its later place.
    fn write(&self, key: &str, parts: &[Bytes]) -> io::Result<(tempfile::TempPath, PathBuf)> {
        let path = self.root.join(key);
        let unfinished = self.root.join(UNFINISHED);
        for folder in [path.parent().unwrap_or(&self.root), &unfinished] {
            make_folders(folder)?;
        }
        let mut builder = tempfile::Builder::new();
        let mode = fs::Permissions::from_mode(FILE_MODE);
        let mut file =
            builder.prefix("").rand_bytes(NAME_LENGTH).permissions(mode).tempfile_in(&unfinished)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.as_file().sync_all()?;
        Ok((file.into_temp_path(), path))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the directory is not the pool's; `Storage` has the fault points"
)]
fn make_folders(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the directory is not the pool's; `Storage` has the fault points"
)]
fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

/// Makes the names in a file's folder durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Turns "there is none" into `None`.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

impl Transport for Directory {
    fn put(&self, key: &str, parts: &[Bytes]) -> io::Result<()> {
        let (unfinished, path) = self.write(key, parts)?;
        unfinished.persist(&path).map_err(|error| error.error)?;
        sync_folder(&path)
    }

    fn put_new(&self, key: &str, bytes: &[u8]) -> io::Result<bool> {
        let (unfinished, path) = self.write(key, &[Bytes::copy_from_slice(bytes)])?;
        match fs::hard_link(&unfinished, &path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            linked => linked.and_then(|()| sync_folder(&path)).map(|()| true),
        }
    }

    fn get(&self, key: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(mut file) = found(OpenOptions::new().read(true).open(self.root.join(key)))? else {
            return Ok(None);
        };
        refuse_large(file.metadata()?.len())?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn get_range(&self, key: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        File::open(self.root.join(key))?.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Object>> {
        let mut objects = Vec::new();
        let mut folders = vec![self.root.join(folder)];
        while let Some(folder) = folders.pop() {
            let Some(entries) = found(fs::read_dir(&folder))? else { continue };
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                // One that another process deletes meanwhile is not there.
                let Some(stat) = found(entry.metadata())? else { continue };
                if stat.is_dir() {
                    folders.push(entry.path());
                } else {
                    let modified = stat.mtime() * 1000 + stat.mtime_nsec() / 1_000_000;
                    objects.push(Object { name, size: stat.size(), modified });
                }
            }
        }
        Ok(objects)
    }

    fn delete(&self, key: &str) -> io::Result<()> {
        found(remove(&self.root.join(key)))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_as_a_whole_and_listed_with_their_folders() {
        let dir = tempfile::tempdir().unwrap();
        let directory = Directory::new(&dir.path().join("new/place"));
        assert_eq!(directory.list("data").unwrap(), []);
        assert_eq!(directory.get("data/ab/abc").unwrap(), None);
        directory.put("data/ab/abc", &[b"one", b"two"].map(|part| Bytes::from_static(part))).unwrap();
        assert_eq!(directory.get("data/ab/abc").unwrap().unwrap(), b"onetwo");
        assert_eq!(directory.get_range("data/ab/abc", 2, 2).unwrap(), b"et");
        let listed = directory.list("data").unwrap();
        assert_eq!((listed[0].name.as_str(), listed[0].size, listed.len()), ("abc", 6, 1));
        directory.delete("data/ab/abc").unwrap();
        directory.delete("data/ab/abc").unwrap();
        assert_eq!(directory.list("data").unwrap(), []);
    }

    #[test]
    fn of_many_who_write_a_new_file_one_does() {
        let dir = tempfile::tempdir().unwrap();
        let directory = Directory::new(dir.path());
        let wrote = std::thread::scope(|scope| {
            let write = |n| directory.put_new("config", &[n]).unwrap();
            let writers: Vec<_> = (0..8).map(|n| scope.spawn(move || write(n))).collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).filter(|won| *won).count()
        });
        assert_eq!(wrote, 1);
        assert_eq!(directory.list("").unwrap().len(), 1);
    }
}
