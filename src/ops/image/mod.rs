//! The pool image: a file system that shares blocks, in one file beside the pool, mounted at the
//! pool.
//!
//! A pool has an image if the file `<pool>.img` is there, and nothing else says so. So a service, a
//! driver in a container and a command by hand find it alike, and whoever finds it not mounted
//! knows that the pool is missing, whatever lies in the directory.
//!
//! One rename decides each change: `create` and `move` make everything beside, and then give the
//! image its name, or take it away. What a death left is finished by the next mount, or cleared by
//! the next `create` or `move`.
//!
//! | verb | file |
//! | --- | --- |
//! | `pool create` | `create` |
//! | `pool mount`, `unmount` | `mount`; commands of root and the driver mount too |
//! | `pool info` | `info` |
//! | `pool grow`, `shrink` | `grow` |
//! | `pool check` | `check` |
//! | `pool move` | `relocate`, with `copy` |
//! | `pool remove` | `remove` |

mod check;
mod copy;
mod create;
mod grow;
mod info;
mod mount;
mod relocate;
mod remove;

pub use check::{CheckedImage, check_image};
pub use create::{ImageRequest, create_image};
pub use grow::{grow_image, shrink_image};
pub use info::{ImageFacts, KeptPool, PoolInfo, pool_info};
pub use mount::{mount_image, mount_image_if_root, unmount_image};
pub use relocate::{Destination, MovedPool, move_pool};
pub use remove::{RemovedImage, remove_image, remove_kept};
