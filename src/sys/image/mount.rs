//! Mounts and unmounts an image.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use krataloopdev::{LoopControl, LoopDevice};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};

use super::error::ImageError;
use super::facts::{kind_of, places_of};
use crate::model::ImageKind;
use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;

/// How often another process may take a free loop device first.
const MAX_TRIES: u32 = 50;
/// How long to wait for a loop device that is mounted nowhere: a program that looks at all of them,
/// such as losetup, keeps one from giving up its image for a moment.
const RELEASE_WAIT: Duration = Duration::from_secs(2);
const RELEASE_PAUSE: Duration = Duration::from_millis(20);
const CONTROL: &str = "/dev/loop-control";

/// Mounts the file system in `image` at the directory `at`.
///
/// # Errors
/// [`ImageError::InUse`] when it is mounted somewhere already; when it is no image, there is no
/// loop device, or the kernel cannot mount it.
pub fn mount(image: &Path, at: &Path) -> Result<(), ImageError> {
    let kind = kind_of(image).ok_or_else(|| ImageError::NotAnImage(image.to_owned()))?;
    let file = lock(image)?;
    let (device, name) = attach(&file, image)?;
    // Not every file system can: tmpfs of older kernels, FUSE.
    let _ = device.set_direct_io(true);
    // The kernel's check of names would refuse a copy of the image that another pool has mounted;
    // the lock is the check here.
    let options = match kind {
        ImageKind::Xfs => "discard,nouuid",
        ImageKind::Btrfs => "discard=async",
    };
    let options = CString::new(options).expect("the options hold no NUL");
    fault::point("image.mount").at("mount", image)?;
    let mounted = rustix::mount::mount(&name, at, kind.word(), MountFlags::empty(), options.as_c_str());
    Ok(mounted.at("mount", image)?)
}

/// Returns whether nothing has the image attached.
pub fn is_free(image: &Path) -> bool {
    lock(image).is_ok()
}

/// Opens the image for this process and the loop device that is going to have it.
fn lock(image: &Path) -> Result<File, ImageError> {
    let file = OpenOptions::new().read(true).write(true).open(image).at("open", image)?;
    let until = Instant::now() + RELEASE_WAIT;
    loop {
        let is_locked = match fs2::FileExt::try_lock_exclusive(&file) {
            Err(error) if error.raw_os_error() == fs2::lock_contended_error().raw_os_error() => false,
            other => other.at("lock", image).map(|()| true)?,
        };
        // A person may have mounted it by hand, without a lock.
        let places = places_of(image);
        if is_locked && places.is_none() {
            return Ok(file);
        }
        let place = places.and_then(|places| places.into_iter().next());
        if place.is_some() || Instant::now() >= until {
            return Err(ImageError::InUse { image: image.to_owned(), place });
        }
        sleep(RELEASE_PAUSE);
    }
}

fn attach(file: &File, image: &Path) -> Result<(LoopDevice, PathBuf), ImageError> {
    let none = |device: &str, source: io::Error| ImageError::NoLoopDevice {
        image: image.to_owned(),
        device: device.into(),
        source,
    };
    let control = LoopControl::open().or_else(|error| {
        make_node(&error, Path::new(CONTROL), "misc/loop-control", FileType::CharacterDevice)?;
        LoopControl::open()
    });
    let control = control.map_err(|error| none(CONTROL, error))?;
    let mut tries = 0;
    loop {
        tries += 1;
        let device = control.next_free().or_else(|error| {
            make_nodes(&error)?;
            control.next_free()
        });
        let device = device.map_err(|error| none("/dev/loopN", error))?;
        let path = device.path().ok_or_else(|| none("/dev/loopN", io::ErrorKind::NotFound.into()))?;
        fault::point("image.attach").at("attach", image)?;
        match device.with().attach_fd(file.as_raw_fd()) {
            Ok(()) => return Ok((self_detaching(&device, &path).at("attach", image)?, path)),
            Err(error) if tries < MAX_TRIES && error.raw_os_error() == Some(Errno::BUSY.raw_os_error()) => {}
            Err(error) => return Err(DiskError::new("attach", image, error).into()),
        }
    }
}

/// Makes the nodes of all loop devices in the `/dev` of a container, where none appear by
/// themselves.
fn make_nodes(error: &io::Error) -> io::Result<()> {
    for entry in fs::read_dir("/sys/block")?.flatten() {
        let name = entry.file_name();
        let node = Path::new("/dev").join(&name);
        if name.to_string_lossy().starts_with("loop") && !node.exists() {
            make_node(error, &node, &format!("block/{}", name.to_string_lossy()), FileType::BlockDevice)?;
        }
    }
    Ok(())
}

/// Makes the node of a device that could not be opened because there is none. `class` is the
/// device's place in `/sys/class` or `/sys`.
fn make_node(error: &io::Error, node: &Path, class: &str, kind: FileType) -> io::Result<()> {
    let again = || io::Error::from(error.kind());
    if error.kind() != io::ErrorKind::NotFound {
        return Err(error.raw_os_error().map_or_else(again, io::Error::from_raw_os_error));
    }
    let number = ["/sys/class", "/sys"].iter().find_map(|root| {
        let text = fs::read_to_string(Path::new(root).join(class).join("dev")).ok()?;
        let (major, minor) = text.trim().split_once(':')?;
        Some(makedev(major.parse().ok()?, minor.parse().ok()?))
    });
    Ok(mknodat(CWD, node, kind, Mode::RUSR | Mode::WUSR, number.ok_or_else(again)?)?)
}

/// Lets the device detach itself at its last close, as the kernel does with one that is detached
/// while it is open elsewhere. krata-loopdev 0.0.21 cannot ask for that when it attaches: it gives
/// the kernel a structure whose fields the compiler may have put in another order. With the values
/// that it has here, that sets nothing, which the kernel's own words must confirm.
fn self_detaching(device: &LoopDevice, path: &Path) -> io::Result<LoopDevice> {
    let folder = Path::new("/sys/block").join(path.file_name().unwrap_or_default()).join("loop");
    let is_zero = |name| fs::read_to_string(folder.join(name)).is_ok_and(|text| text.trim() == "0");
    if !["offset", "sizelimit", "partscan"].into_iter().all(is_zero) {
        device.detach()?;
        return Err(io::Error::other("the kernel has another view of the loop device"));
    }
    let kept = LoopDevice::open(path);
    device.detach()?;
    kept
}

/// Unmounts what is mounted at the directory `at`.
///
/// # Errors
/// [`ImageError::Busy`] when something in it is in use.
pub fn unmount(at: &Path) -> Result<(), ImageError> {
    unmount_with(at, UnmountFlags::NOFOLLOW)
}

/// Takes what is mounted at the directory `at` away from there at once; what is open in it stays
/// usable until it is closed.
///
/// # Errors
/// When nothing is mounted there.
pub fn detach(at: &Path) -> Result<(), ImageError> {
    unmount_with(at, UnmountFlags::NOFOLLOW | UnmountFlags::DETACH)
}

fn unmount_with(at: &Path, flags: UnmountFlags) -> Result<(), ImageError> {
    fault::point("image.unmount").at("unmount", at)?;
    match rustix::mount::unmount(at, flags) {
        Err(Errno::BUSY) => Err(ImageError::Busy(at.to_owned())),
        other => Ok(other.at("unmount", at)?),
    }
}
