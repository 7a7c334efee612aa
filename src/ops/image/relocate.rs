//! `pool move`: a pool into an image, or out of it into a plain directory.
//!
//! The whole pool is copied beside itself and compared, while it is held still and no container
//! runs on it. One rename is the moment of the move: the image gets its name, or loses it. The old
//! pool is kept until `pool remove --old`.
//!
//! | a death | leaves |
//! | --- | --- |
//! | before the rename | the old pool, and waste beside it that the next move deletes |
//! | into an image, after it | the old pool beneath the image: the next mount keeps it aside |
//! | out of an image, before it | perhaps the copy beneath the image: the next mount clears it |

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::copy::{Copied, copy_pool, verify};
use super::create::{ImageRequest, make_beside, sync_folder};
use super::info::{PoolInfo, pool_info};
use super::mount::{is_mounted, mount_locked, require_image};
use crate::containers::State;
use crate::error::Error;
use crate::layout;
use crate::model::VolumeName;
use crate::pool::{Held, Pool};
use crate::sys::{disk, image, tree};

/// How much a copy may take beyond what is allocated to its trees, in bytes: for directories and
/// for the file system's own.
const MARGIN: u64 = 64 << 20;

/// Where a pool moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Into a new image beside it.
    Image(ImageRequest),
    /// Out of its image, into a plain directory.
    Directory,
}

/// A pool that was moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MovedPool {
    /// How many volumes it has.
    pub volumes: usize,
    /// How many entries were copied and compared.
    pub entries: u64,
    /// How many bytes of files these hold.
    pub bytes: u64,
    /// How many of these share blocks with an earlier commit.
    pub shared_bytes: u64,
    /// Where the old pool is kept.
    pub kept: PathBuf,
    /// Where the pool lies now.
    pub now: PoolInfo,
}

/// Moves the pool. A failure leaves it where it was.
///
/// # Errors
/// When containers run on volumes of the pool, the space does not suffice, or the copy fails or
/// differs.
pub fn move_pool(pool: &Pool, destination: Destination) -> Result<MovedPool, Error> {
    match destination {
        Destination::Image(request) => into_image(pool, request),
        Destination::Directory => out_of_image(pool),
    }
}

fn into_image(pool: &Pool, request: ImageRequest) -> Result<MovedPool, Error> {
    let layout = pool.layout();
    let (place, kept) = (layout.image(), layout.pool_old());
    if place.exists() {
        return Err(Error::ImageExists(place));
    }
    if is_mounted(pool) {
        return Err(Error::OtherMount(layout.real_root()));
    }
    if kept.exists() {
        return Err(Error::OldPool(kept));
    }
    let held = hold(pool)?;
    if layout.moved_out().exists() {
        disk::remove_file(&layout.moved_out())?;
    }
    make_beside(pool, request)?;
    let copied = in_mounted(pool, |fresh| {
        let host = fresh.parent().unwrap_or(Path::new("/")).to_owned();
        let check_room = |bytes| {
            check_free(&host, bytes, |needed, free| Error::HostFull { host: host.clone(), needed, free })?;
            check_free(fresh, bytes, |needed, free| Error::NoSpace { needed, free })
        };
        copy_and_verify(pool, &held, fresh, &check_room)
    });
    let copied = copied.inspect_err(|_| {
        let _ = disk::remove_file(&layout.image_new());
    })?;
    // The moment of the move.
    disk::rename(&layout.image_new(), &place)?;
    sync_folder(&place)?;
    mount_locked(pool)?;
    moved(pool, &held, copied, kept)
}

/// Mounts the new image at its place beside the pool as long as `work` runs.
fn in_mounted<T>(pool: &Pool, work: impl FnOnce(&Path) -> Result<T, Error>) -> Result<T, Error> {
    let (file, fresh) = (pool.layout().image_new(), pool.layout().pool_new());
    let mounted = clear(&fresh)
        .and_then(|()| Ok(disk::make_directory(&fresh, layout::PRIVATE_MODE)?))
        .and_then(|()| Ok(image::mount(&file, &fresh)?));
    let done = mounted.and_then(|()| work(&fresh));
    if image::is_mount_point(&fresh) {
        image::unmount(&fresh)?;
    }
    tree::remove_tree(&fresh)?;
    done
}

fn out_of_image(pool: &Pool) -> Result<MovedPool, Error> {
    let layout = pool.layout();
    require_image(pool)?;
    let (place, kept, fresh, root) =
        (layout.image(), layout.image_old(), layout.pool_new(), layout.real_root());
    if kept.exists() {
        return Err(Error::OldPool(kept));
    }
    let mut held = hold(pool)?;
    clear(&fresh)?;
    disk::make_directory(&fresh, layout::PRIVATE_MODE)?;
    let check_room = |bytes| check_free(&fresh, bytes, |needed, free| Error::NoSpace { needed, free });
    let copied = copy_and_verify(pool, &held, &fresh, &check_room).inspect_err(|_| {
        let _ = tree::remove_tree(&fresh);
    })?;
    let mark = fresh.join(layout.moved_out().strip_prefix(layout.root()).unwrap_or(Path::new("moved-out")));
    disk::write_new(&mark, b"", layout::PRIVATE_FILE_MODE)?;
    tree::sync_filesystem(&fresh)?;
    // Its lock files are open here. The file system goes with the last of them.
    image::detach(&root)?;
    disk::exchange(&fresh, &root)?;
    sync_folder(&place)?;
    // The moment of the move.
    disk::rename(&place, &kept)?;
    sync_folder(&place)?;
    held.leave();
    disk::remove_file(&layout.moved_out())?;
    // The directory that the image was mounted at.
    tree::remove_tree(&fresh)?;
    moved(pool, &held, copied, kept)
}

/// Holds the pool still, and makes sure that no container runs on it.
fn hold(pool: &Pool) -> Result<Held, Error> {
    let held = pool.hold("pool move")?;
    let volumes: Vec<&VolumeName> = held.volumes().iter().collect();
    let mut running = pool.unmanaged_containers(&volumes, false)?;
    if pool.containers().is_enabled() {
        let users = pool.containers().users()?;
        let ours = volumes.iter().filter_map(|volume| users.get(volume.as_str())).flatten();
        running.extend(
            ours.filter(|container| container.state != State::Stopped)
                .map(|container| container.name.clone()),
        );
    }
    running.sort();
    running.dedup();
    if running.is_empty() { Ok(held) } else { Err(Error::PoolInUse(running)) }
}

fn copy_and_verify(
    pool: &Pool,
    held: &Held,
    to: &Path,
    check_room: &dyn Fn(u64) -> Result<(), Error>,
) -> Result<Copied, Error> {
    let copied = copy_pool(pool, held.volumes(), to, check_room)?;
    verify(pool, to)?;
    Ok(copied)
}

fn check_free(place: &Path, bytes: u64, error: impl FnOnce(u64, u64) -> Error) -> Result<(), Error> {
    let (needed, free) = (bytes.saturating_add(MARGIN), tree::free_space(place)?);
    if needed > free { Err(error(needed, free)) } else { Ok(()) }
}

/// Clears what a dead move left at its place beside the pool.
fn clear(fresh: &Path) -> Result<(), Error> {
    if image::is_mount_point(fresh) {
        image::unmount(fresh)?;
    }
    Ok(tree::remove_tree(fresh)?)
}

fn moved(pool: &Pool, held: &Held, copied: Copied, kept: PathBuf) -> Result<MovedPool, Error> {
    let Copied { entries, bytes, shared } = copied;
    let (volumes, now) = (held.volumes().len(), pool_info(pool)?);
    Ok(MovedPool { volumes, entries, bytes, shared_bytes: shared, kept, now })
}
