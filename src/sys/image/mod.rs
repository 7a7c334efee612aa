//! A file system in a sparse file, mounted through a loop device.
//!
//! The file takes from its host's file system only what has been written to it. The loop device
//! reads and writes past the host's page cache (direct I/O), where the host can, so that nothing is
//! kept in memory twice and a sync of the inner file system is one of the disk. It passes discards
//! on as holes, so that what is deleted in the image gives its space back to the host.
//!
//! Two mounts of one image destroy it. So the file is locked (flock(2)) before it is attached. The
//! lock belongs to the open file, which the kernel's loop device keeps, in whatever mount
//! namespace or container that is, until the last unmount. The device detaches itself then.
//!
//! | file | what it does |
//! | --- | --- |
//! | `make` | makes an image, makes it larger, checks it: with the programs of its file system |
//! | `mount` | mounts and unmounts an image |
//! | `facts` | tells what is mounted where, and how |
//! | `programs` | runs programs from the system's own directories |
//! | `error` | says why an image cannot be used |

mod error;
mod facts;
mod make;
mod mount;
mod programs;

pub use error::ImageError;
pub use facts::{Attached, attached_at, is_mount_point, is_seen_outside, kind_of};
pub use make::{Check, check_offline, check_online, fit, make};
pub use mount::{detach, is_free, mount, unmount};
