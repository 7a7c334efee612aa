//! The `dvol` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    dvol::cli::main()
}
