//! The block of variables that dvol keeps in an env file of a work tree, such as compose's `.env`.
//!
//! Whatever else the file has stays as it is. A block is replaced, never appended to another one,
//! and taken out when the worktree goes; a file that held nothing else goes with it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::super::output::Failure;
use crate::sys::disk;

/// The lines around the block.
const BEGIN: &str = "# >>> dvol worktree: made by dvol worktree add, taken out by dvol worktree remove >>>";
const END: &str = "# <<< dvol worktree <<<";
/// The mode of a file that dvol makes: it may come to hold secrets.
const MODE: u32 = 0o600;

/// Puts the block with these variables into a file, in place of the one that it has.
///
/// # Errors
/// When the file is no plain file, or cannot be read or written.
pub(super) fn put(path: &Path, variables: &BTreeMap<String, String>) -> Result<(), Failure> {
    let (mut text, _) = without_block(&read(path)?);
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!("{BEGIN}\n"));
    for (name, value) in variables {
        text.push_str(&format!("{name}={value}\n"));
    }
    text.push_str(&format!("{END}\n"));
    write(path, &text)
}

/// Takes the block out of a file, if it is there.
///
/// # Errors
/// As [`put`].
pub(super) fn take_out(path: &Path) -> Result<(), Failure> {
    match without_block(&read(path)?) {
        (_, None) => Ok(()),
        (rest, Some(_)) if rest.trim().is_empty() => Ok(disk::remove_file(path)?),
        (rest, Some(_)) => write(path, &rest),
    }
}

/// Returns the variables of the block in a file.
///
/// # Errors
/// As [`put`].
pub(super) fn variables(path: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let (_, block) = without_block(&read(path)?);
    let pair = |line: &str| {
        let (name, value) = line.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    Ok(block.unwrap_or_default().lines().filter_map(pair).collect())
}

/// Returns a text without the block, and the block. A block without an end goes to the end.
fn without_block(text: &str) -> (String, Option<String>) {
    let (mut rest, mut block, mut is_inside) = (String::new(), None, false);
    for line in text.split_inclusive('\n') {
        match line.trim_end() {
            BEGIN => {
                is_inside = true;
                block.get_or_insert_with(String::new);
            }
            END if is_inside => is_inside = false,
            _ if is_inside => block.get_or_insert_with(String::new).push_str(line),
            _ => rest.push_str(line),
        }
    }
    (rest, block)
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed =
        |reason: String| Failure::Failed(format!("cannot write variables to {}: {reason}", path.display()));
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(failed(error.to_string())),
        // A symlink may lead out of the work tree, and a pipe is waited for.
        Ok(found) if !found.is_file() => return Err(failed("it is not a plain file".to_owned())),
        Ok(_) => {}
    }
    fs::read_to_string(path).map_err(|error| failed(error.to_string()))
}

/// Writes the file as a whole, or not at all. Keeps mode and owner; a new file gets the owner of
/// its directory, as root may run dvol in a hook.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let failed =
        |error: io::Error| Failure::Failed(format!("cannot write variables to {}: {error}", path.display()));
    let (owner, mode) = match fs::symlink_metadata(path) {
        Ok(found) => (found.clone(), found.mode() & 0o7777),
        Err(_) => (fs::metadata(folder).map_err(failed)?, MODE),
    };
    let staged = disk::beside(path, ".dvol-new");
    if staged.exists() {
        disk::remove_file(&staged)?;
    }
    disk::write_new(&staged, text.as_bytes(), mode)?;
    let own = fs::metadata(&staged).map_err(failed)?;
    if (own.uid(), own.gid()) != (owner.uid(), owner.gid()) {
        std::os::unix::fs::chown(&staged, Some(owner.uid()), Some(owner.gid())).map_err(failed)?;
    }
    Ok(disk::replace(&staged, path)?)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests set up files of their own")]
mod tests {
    use super::*;

    fn variables_of(port: &str) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("COMPOSE_PROJECT_NAME".to_owned(), "shop".to_owned()),
            ("PORT".to_owned(), port.to_owned()),
        ])
    }

    #[test]
    fn a_block_is_replaced_and_taken_out_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        fs::write(&path, "SECRET=1\nlast line without an end").unwrap();
        put(&path, &variables_of("1")).unwrap();
        put(&path, &variables_of("2")).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let wanted = format!(
            "SECRET=1\nlast line without an end\n{BEGIN}\nCOMPOSE_PROJECT_NAME=shop\nPORT=2\n{END}\n"
        );
        assert_eq!(text, wanted);
        assert_eq!(variables(&path).unwrap(), variables_of("2"));
        fs::write(&path, format!("{text}LATER=1\n")).unwrap();
        take_out(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "SECRET=1\nlast line without an end\nLATER=1\n");
        take_out(&path).unwrap();
        assert!(path.exists());
    }

    #[test]
    fn a_file_with_nothing_else_goes_with_the_block() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        take_out(&path).unwrap();
        put(&path, &variables_of("1")).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, MODE);
        take_out(&path).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn no_symlink_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(put(&path, &variables_of("1")).is_err());
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    }
}
