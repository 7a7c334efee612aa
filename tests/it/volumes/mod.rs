//! Whole volumes: cloning, renaming and compose projects.

mod access;
mod choice;
mod projects;
mod whole;
