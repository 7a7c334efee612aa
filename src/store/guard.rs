//! redb may panic on a file that was damaged behind its back. This is the one door through which that becomes an
//! error: such a panic is caught and not printed; one of our own goes on as it was.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static WORDS: RefCell<Option<String>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Whether a panic began in redb, or in what the standard library does for it.
fn is_redbs(info: &PanicHookInfo<'_>) -> bool {
    info.location().is_some_and(|at| at.file().contains("/redb-") || at.file().starts_with("/rustc/"))
}

fn words_of(payload: &(dyn std::any::Any + Send)) -> String {
    let words = payload.downcast_ref::<&str>().copied();
    words.or(payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given").to_owned()
}

/// Runs `body`. A panic of redb's comes back as its words.
pub(super) fn caught<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if INSIDE.get() && is_redbs(info) {
                let words = words_of(info.payload());
                WORDS.with_borrow_mut(|known| *known = Some(words));
            } else {
                before(info);
            }
        }));
    });
    let outer = INSIDE.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(body));
    INSIDE.set(outer);
    result.map_err(|panic| WORDS.take().unwrap_or_else(|| panic::resume_unwind(panic)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_our_own_goes_on() {
        let ours = panic::catch_unwind(|| caught(|| panic!("a bug")));
        assert_eq!(ours.unwrap_err().downcast_ref::<&str>(), Some(&"a bug"));
        assert_eq!(caught(|| 7), Ok(7));
    }
}
