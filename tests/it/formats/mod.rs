//! Formats on disk that this version must read: its own, damaged ones, and those of older tools.

mod fuzz_corpus;
mod golden;
mod golden_2;
mod older_layout;
