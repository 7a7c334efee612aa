//! Whole volumes: cloning, renaming and compose projects.

mod projects;
mod whole;
