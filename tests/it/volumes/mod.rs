//! Whole volumes: cloning, renaming, archives and compose projects.

mod archive;
mod projects;
mod whole;
