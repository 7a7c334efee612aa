//! The machine beneath: disk calls, locks, clock, ids, the tree engine.
//!
//! Nothing here knows a noun of dvol. Each file is the only door to its kind of side effect:
//!
//! | file | side effect |
//! | --- | --- |
//! | `clock`, `ids` | the time, new ids |
//! | `disk` | single changes on disk |
//! | `error` | disk errors |
//! | `fault` | fault points for tests |
//! | `image` | file systems in files: loop devices, mounts |
//! | `locks` | kernel file locks |
//! | `mount_tables` | what should be mounted, read from `/etc` |
//! | `mounts` | mounts, read from `/proc` |
//! | `obstacle` | why an entry cannot be moved |
//! | `processes` | other processes, read from `/proc` |
//! | `own_container` | the container that this process runs in, read from `/proc` |
//! | `resolve` | the addresses of hosts |
//! | `spool` | records that may outgrow memory |
//! | `tree` | whole trees |
//! | `user_namespace` | the user namespace of this process |
//! | `watch` | which files of a directory were written, as the kernel reports it |

pub mod clock;
pub mod disk;
pub mod error;
pub mod fault;
pub mod ids;
pub mod image;
pub mod locks;
pub mod mount_tables;
pub mod mounts;
pub mod obstacle;
pub mod open_files;
pub mod own_container;
pub mod processes;
pub mod resolve;
pub mod spool;
pub mod tree;
pub mod user_namespace;
pub mod watch;
