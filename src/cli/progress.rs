//! A bar on standard error for copies of more than half a second, where a person looks on.

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::globals::Globals;
use super::output::say;
use crate::pool::Watcher;
use crate::report::Format;
use crate::sys::tree::Usage;

/// Who watches copies, as the flags say: a bar at a terminal, a line elsewhere when more is wanted.
pub(super) fn watcher(globals: &Globals) -> Option<Arc<dyn Watcher>> {
    if globals.quiet {
        return None;
    }
    if std::io::stderr().is_terminal() && globals.format() == Format::Text {
        return Some(Arc::new(Bar::default()));
    }
    (globals.verbose > 0).then(|| Arc::new(Line) as Arc<dyn Watcher>)
}

#[derive(Default)]
struct Bar(Mutex<Option<ProgressBar>>);

impl Bar {
    fn with(&self, act: impl FnOnce(&mut Option<ProgressBar>)) {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Watcher for Bar {
    fn start(&self, total: Option<Usage>) {
        let words = "copying {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
        let style = ProgressStyle::with_template(words).unwrap_or_else(|_| ProgressStyle::default_bar());
        self.with(|shown| {
            let bar = shown.get_or_insert_with(ProgressBar::hidden);
            bar.set_style(style);
            if let Some(total) = total {
                bar.set_length(total.bytes);
            }
            bar.set_draw_target(ProgressDrawTarget::stderr());
        });
    }

    fn at(&self, bytes: u64, _entries: u64) {
        // Hidden at first, so that the rate is that of the whole copy.
        self.with(|shown| shown.get_or_insert_with(ProgressBar::hidden).set_position(bytes));
    }

    fn end(&self) {
        self.with(|shown| {
            if let Some(bar) = shown.take() {
                bar.finish_and_clear();
            }
        });
    }
}

struct Line;

impl Watcher for Line {
    fn start(&self, total: Option<Usage>) {
        if let Some(total) = total {
            say("note", &format!("copying {} entries, {} bytes", total.entries, total.bytes));
        }
    }

    fn at(&self, _bytes: u64, _entries: u64) {}

    fn end(&self) {}
}
