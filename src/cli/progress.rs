//! Shows the progress of work on trees that takes over half a second on standard error: a bar on a
//! terminal, otherwise a line every few seconds.

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::environment;
use super::globals::Globals;
use super::output::say;
use crate::model;
use crate::pool::{Watcher, Work};
use crate::sys::tree::Usage;

/// Returns what shows progress: a bar on a terminal, lines elsewhere, nothing with `-q`.
pub(super) fn watcher(globals: &Globals) -> Option<Arc<dyn Watcher>> {
    if globals.quiet {
        return None;
    }
    Some(if std::io::stderr().is_terminal() {
        Arc::new(Bar::default())
    } else {
        let interval = if environment::is_for_page() { PAGE_INTERVAL } else { LINE_INTERVAL };
        Arc::new(LogLines { interval, current: Mutex::default() })
    })
}

/// Returns the words for what is done to a tree, and for what has been done so far.
fn words(work: Work) -> (&'static str, &'static str) {
    match work {
        Work::Copy => ("copying", "copied"),
        Work::Read => ("reading", "read"),
        Work::Write => ("writing", "wrote"),
    }
}

#[derive(Default)]
struct Bar(Mutex<Option<ProgressBar>>);

impl Bar {
    fn with(&self, act: impl FnOnce(&mut Option<ProgressBar>)) {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Watcher for Bar {
    fn start(&self, work: Work, total: Option<Usage>) {
        let doing = words(work).0;
        let shown = format!("{doing} {{bar:20}} {{bytes}}/{{total_bytes}} {{bytes_per_sec}} {{eta}} left");
        let style = ProgressStyle::with_template(&shown).unwrap_or_else(|_| ProgressStyle::default_bar());
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
        // Hidden until `start`, so that the rate covers the whole copy.
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

/// Prints a line every few seconds, for logs.
struct LogLines {
    interval: Duration,
    current: Mutex<Option<CopyProgress>>,
}

struct CopyProgress {
    work: Work,
    total: Option<Usage>,
    began: Instant,
    last_line: Instant,
}

/// Time between two lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// Time between two lines for the page of `dvol ui`, which shows the last one only.
const PAGE_INTERVAL: Duration = Duration::from_millis(500);

impl LogLines {
    fn current(&self) -> MutexGuard<'_, Option<CopyProgress>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher for LogLines {
    fn start(&self, work: Work, total: Option<Usage>) {
        let now = Instant::now();
        *self.current() = Some(CopyProgress { work, total, began: now, last_line: now });
        let doing = words(work).0;
        match total {
            Some(Usage { entries, bytes, .. }) => {
                say("note", &format!("{doing} {} in {}", HumanBytes(bytes), model::entries(entries)));
            }
            None => say("note", doing),
        }
    }

    fn at(&self, bytes: u64, _entries: u64) {
        let mut current = self.current();
        let due = |copy: &&mut CopyProgress| copy.last_line.elapsed() >= self.interval;
        let Some(copy) = current.as_mut().filter(due) else { return };
        copy.last_line = Instant::now();
        let total = copy.total.as_ref().map(|total| total.bytes);
        say("note", &line(copy.work, bytes, total, copy.began.elapsed()));
    }

    fn end(&self) {
        *self.current() = None;
    }
}

/// Describes how far work on a tree is after `elapsed`.
fn line(work: Work, bytes: u64, total: Option<u64>, elapsed: Duration) -> String {
    let rate = (bytes as f64 / elapsed.as_secs_f64().max(0.001)) as u64;
    let done = format!("{} {}", words(work).1, HumanBytes(bytes));
    match total {
        None => format!("{done}, {}/s", HumanBytes(rate)),
        Some(total) => {
            let left = Duration::from_secs(total.saturating_sub(bytes) / rate.max(1));
            format!("{done} of {}, {}/s, {} left", HumanBytes(total), HumanBytes(rate), HumanDuration(left))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_amount_the_rate_and_the_time_left() {
        let said = line(Work::Copy, 200 << 20, Some(1 << 30), Duration::from_secs(10));
        assert_eq!(said, "copied 200.00 MiB of 1.00 GiB, 20.00 MiB/s, 41 seconds left");
        assert_eq!(line(Work::Read, 0, Some(0), Duration::ZERO), "read 0 B of 0 B, 0 B/s, 0 seconds left");
        assert_eq!(line(Work::Write, 1 << 20, None, Duration::from_secs(1)), "wrote 1.00 MiB, 1.00 MiB/s");
    }
}
