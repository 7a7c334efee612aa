//! Turning redb's panics into errors. redb may panic on a file that another program damaged. Such a
//! panic is caught here, and not printed; a panic in dvol's own code continues.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Returns whether a panic began in redb, or in the standard library on its behalf.
fn is_redbs(info: &PanicHookInfo<'_>) -> bool {
    info.location().is_some_and(|at| at.file().contains("/redb-") || at.file().starts_with("/rustc/"))
}

fn message_of(payload: &(dyn std::any::Any + Send)) -> String {
    let words = payload.downcast_ref::<&str>().copied();
    words.or(payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given").to_owned()
}

/// Runs `body`, and returns the message of a panic in redb as an error.
pub(super) fn caught<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if INSIDE.get() && is_redbs(info) {
                let message = message_of(info.payload());
                MESSAGE.with_borrow_mut(|known| *known = Some(message));
            } else {
                before(info);
            }
        }));
    });
    let outer = INSIDE.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(body));
    INSIDE.set(outer);
    result.map_err(|panic| MESSAGE.take().unwrap_or_else(|| panic::resume_unwind(panic)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_outside_redb_continues() {
        let ours = panic::catch_unwind(|| caught(|| panic!("a bug")));
        assert_eq!(ours.unwrap_err().downcast_ref::<&str>(), Some(&"a bug"));
        assert_eq!(caught(|| 7), Ok(7));
    }
}
