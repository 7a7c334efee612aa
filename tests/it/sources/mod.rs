//! Rules that the source files keep.

mod dependencies;
mod english;
mod floors;
mod modules;
