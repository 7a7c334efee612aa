//! Keeps panics of the format's library from the terminal. It may panic, in threads of its own too,
//! where a file that it reads is missing; the call then fails, and that is what a person hears.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

static HOOK: Once = Once::new();

/// The crates whose panics are caught here.
const CAUGHT: [&str; 2] = ["/rustic_core-", "/pariter-"];

/// Runs `body`, and returns the words of a panic in the library as an error.
pub(super) fn caught<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_its = info.location().is_some_and(|at| CAUGHT.iter().any(|name| at.file().contains(name)));
            if is_its { tracing::debug!("{info}") } else { before(info) }
        }));
    });
    panic::catch_unwind(AssertUnwindSafe(body)).map_err(|panic| {
        let words = panic.downcast_ref::<&str>().copied();
        words.or(panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given").to_owned()
    })
}
