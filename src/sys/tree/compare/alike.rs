//! Estimates how much of a tree's large files is as in another tree, by samples: reading both whole
//! would take as long as copying them.

use std::ffi::OsStr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use rustix::io::{Errno, pread};

use crate::sys::error::{At as _, DiskError};
use crate::sys::tree::entry::handle::{Node, open_directory, open_root, refusal};
use crate::sys::tree::entry::names::{DirectoryReader, SortedNames};

const SAMPLE_BYTES: usize = 4096;
/// How many samples are taken of a file, evenly spread.
const SAMPLES: u64 = 256;
/// How many of them may differ in a file of which little changed.
const FEW_SAMPLES: u64 = SAMPLES / 10;

/// Sums up the sizes of those files of the tree `one` that have at least `large` bytes and differ
/// little from the file of the same path in `other`.
///
/// # Errors
/// When an entry cannot be read.
pub fn measure_alike(one: &Path, other: &Path, large: u64) -> Result<u64, DiskError> {
    let mut reader = DirectoryReader::new();
    let (mut sum, mut at) = (0, PathBuf::new());
    let root = SortedNames::read(open_root(one)?, &mut reader).at("read", one)?;
    let mut stack = vec![(root, open_root(other)?)];
    while let Some((names, beside)) = stack.last_mut() {
        let Some(name) = names.peek().map(ToOwned::to_owned) else {
            stack.pop();
            at.pop();
            continue;
        };
        let kind = names.kind();
        let full = || one.join(&at).join(OsStr::from_bytes(name.to_bytes()));
        let handle = names.handle.as_fd();
        let mut below = None;
        match kind {
            FileType::Directory => {
                let open = |directory| match open_directory(directory, &name) {
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
                    other => other.map(Some).map_err(|errno| refusal("open", full(), errno)),
                };
                below = open(handle)?.zip(open(beside.as_fd())?);
            }
            FileType::RegularFile | FileType::Unknown => {
                let open = |directory| match Node::open(directory, &name) {
                    Err(Errno::NOENT) => Ok(None),
                    other => other
                        .map(|node| Some(node).filter(|node| is_large(node, large)))
                        .map_err(|errno| refusal("open", full(), errno)),
                };
                if let Some(mine) = open(handle)?
                    && let Some(theirs) = open(beside.as_fd())?
                    && differ_little(&mine, &theirs).map_err(|errno| refusal("read", full(), errno))?
                {
                    sum += mine.stat.size;
                }
            }
            _ => {}
        }
        names.advance(&mut reader, |_, _, _| Ok(true)).at("read", &one.join(&at))?;
        if let Some((mine, theirs)) = below {
            at.push(OsStr::from_bytes(name.to_bytes()));
            stack.push((SortedNames::read(mine, &mut reader).at("read", &one.join(&at))?, theirs));
        }
    }
    Ok(sum)
}

fn is_large(node: &Node, large: u64) -> bool {
    node.stat.kind == FileType::RegularFile && node.stat.size >= large
}

fn differ_little(one: &Node, other: &Node) -> Result<bool, Errno> {
    let (mine, theirs) = (one.reopen()?, other.reopen()?);
    let mut differ = 0;
    for sample in 0..SAMPLES {
        let offset = one.stat.size / SAMPLES * sample;
        differ += u64::from(read_sample(&mine, offset)? != read_sample(&theirs, offset)?);
        if differ > FEW_SAMPLES {
            return Ok(false);
        }
    }
    Ok(true)
}

fn read_sample(file: &OwnedFd, offset: u64) -> Result<([u8; SAMPLE_BYTES], usize), Errno> {
    let mut sample = [0; SAMPLE_BYTES];
    loop {
        match pread(file, &mut sample, offset) {
            Err(Errno::INTR) => {}
            read => return Ok((sample, read?)),
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests set up files of their own")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::FileExt as _;

    #[test]
    fn only_large_files_of_which_little_differs_count() {
        let home = tempfile::tempdir().unwrap();
        let (one, other) = (home.path().join("one"), home.path().join("other"));
        let size = SAMPLES * 8192;
        for tree in [&one, &other] {
            fs::create_dir_all(tree.join("sub")).unwrap();
            for name in ["same", "sub/little", "much"] {
                let bytes: Vec<u8> = (0..size).map(|n| (n / 4096 % 251) as u8).collect();
                fs::write(tree.join(name), bytes).unwrap();
            }
            fs::write(tree.join("small"), "small").unwrap();
        }
        fs::write(one.join("alone"), vec![7; size as usize]).unwrap();
        std::os::unix::fs::symlink("same", one.join("link")).unwrap();
        std::os::unix::fs::symlink("same", other.join("link")).unwrap();
        let change = |name: &str, every: u64| {
            let file = fs::File::options().write(true).open(one.join(name)).unwrap();
            (0..SAMPLES).step_by(every as usize).for_each(|n| file.write_all_at(&[255], n * 8192).unwrap());
        };
        change("sub/little", 20);
        change("much", 5);
        assert_eq!(measure_alike(&one, &other, 1 << 20).unwrap(), 2 * size);
        assert_eq!(measure_alike(&one, &other, size + 1).unwrap(), 0);
    }
}
