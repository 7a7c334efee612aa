//! The program under test.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Returns the path of the `dvol` that Cargo built for the running test.
pub fn dvol() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        // Cargo before 1.94 sets this for the compiler of a test only, not for the test. There,
        // tests lie in a directory beside the program.
        let program = std::env::var_os("CARGO_BIN_EXE_dvol").map(PathBuf::from).unwrap_or_else(|| {
            let test = std::env::current_exe().expect("the kernel knows what runs");
            test.ancestors().nth(2).expect("tests lie in a directory of their own").join("dvol")
        });
        assert!(program.is_file(), "Cargo did not build {}", program.display());
        program
    })
}
