//! Writes a tree as a tar archive and makes a tree from one.
//!
//! # What is kept
//! The archive is pax (POSIX.1-2001), which tar itself reads. It has names as bytes, modes, numeric
//! owners, times of modification and access in nanoseconds, extended attributes (`SCHILY.xattr.*`),
//! access lists (there, and as text in `SCHILY.acl.*`), hard links, holes (`GNU.sparse` 1.0),
//! symlinks, FIFOs and devices. Left out and counted are sockets, which are nothing without the
//! process that listens, and labels that the host gives (SELinux, IMA, Smack). Entries come in the
//! order of their bytes.
//!
//! # What is read
//! GNU tar is the measure: what `tar --xattrs --xattrs-include='*' --acls --numeric-owner -p`
//! unpacks from an archive is what we make of it, or we refuse the archive and say why. We refuse
//! where GNU tar fails, where it guesses, and where programs disagree. We keep more than it does in
//! three places: times of access, access lists that come as extended attributes only, and the
//! attributes of a directory that comes first under a name such as `a/.`.
//!
//! Ids of owners are numbers on this machine and elsewhere, so names of owners are never looked at.
//! An archive ends with a block of zeros; one without it may have been cut off and is refused. What
//! follows the end is ignored, as GNU tar ignores it.
//!
//! # Why not the crate `tar`
//! Its `Header` writes ours. Its reader does not fit: it knows no map of holes in pax records, no
//! global headers, no access lists and no fractions of a second, reads damaged numbers as other
//! numbers, and unpacks by path.
//!
//! # Limits
//! Memory grows with the number of directories (a tree's attributes come last), with that of inodes
//! with several names (in a writer) and with the map of one file with holes.
//!
//! | file | what it does |
//! | --- | --- |
//! | `header` | reads the fields of a header |
//! | `pax` | reads and writes pax records |
//! | `sparse` | reads where the data of a file with holes lies |
//! | `access_list` | turns access lists from text into the kernel's form, and back |
//! | `names` | takes names apart |
//! | `entries` | reads entries one after the other |
//! | `attributes` | takes an entry's attributes out of what the archive says |
//! | `file_writer` | writes the content of a file |
//! | `new_tree`, `extract` | make the tree |
//! | `error` | says why not |
//! | `write`, `write_header` | write an archive |

mod access_list;
mod attributes;
mod entries;
pub(super) mod error;
pub(super) mod extract;
mod file_writer;
mod header;
mod names;
mod new_tree;
mod pax;
mod sparse;
pub(super) mod write;
mod write_header;
