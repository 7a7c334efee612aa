//! The `dvol` command.

fn main() {}
