//! Estimates how much of a tree's large files is as in another tree, by samples: reading both whole
//! would take as long as copying them.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::FileType;
use rustix::io::{Errno, pread};

use crate::sys::error::DiskError;
use crate::sys::tree::entry::handle::{Node, refusal};
use crate::sys::tree::side_by_side::each_file;

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
    let mut sum = 0;
    each_file(one, other, &mut |file| {
        let open = |directory: &OwnedFd| match Node::open(directory.as_fd(), file.name) {
            Err(Errno::NOENT) => Ok(None),
            opened => opened
                .map(|node| Some(node).filter(|node| is_large(node, large)))
                .map_err(|errno| refusal("open", file.path(), errno)),
        };
        if let Some(mine) = open(file.folder)?
            && let Some(theirs) = open(file.other)?
            && differ_little(&mine, &theirs).map_err(|errno| refusal("read", file.path(), errno))?
        {
            sum += mine.stat.size;
        }
        Ok(())
    })?;
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
