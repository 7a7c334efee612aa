//! Whole volumes: cloning, renaming and compose projects.

mod access;
mod projects;
mod whole;
