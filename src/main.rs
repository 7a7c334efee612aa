//! The `dvol` command.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    reason = "cli/ speaks and says how it ends"
)]

use std::process::ExitCode;

fn main() -> ExitCode {
    dvol::cli::main()
}
