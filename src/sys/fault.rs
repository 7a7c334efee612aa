//! Fault points: places where a test may kill the process or make a call fail.
//!
//! Each durable step (a disk call that changes something, a metadata transaction, a call to the
//! container engine) passes `point` first. Points are counted from 1 in the order in which all
//! threads reach them. The command line calls `arm` once, in debug builds only; a release build
//! counts nothing and never fails here.
//!
//! A specification reads `N:kill` (SIGKILL, no destructor runs), `N:stop` (SIGSTOP, until another
//! process sends SIGCONT), or `N:EIO`, `N:ENOSPC`, `N:EACCES` (the call at the N-th point fails
//! with that error). `NAME+N:EIO` counts from the first point of that name, which is `NAME+0`: what
//! a process clears up first after others does not count then. `NAME*N:EIO` counts only the points
//! of that name, so that how many others there are does not matter. The many writes that redb makes
//! inside a transaction are counted apart: `N:kill:redb`.

use std::io;

/// Passes a fault point. `name` says which step follows, for traces.
///
/// # Errors
/// The armed error, at the armed point; never in a release build.
#[inline]
pub fn point(name: &'static str) -> io::Result<()> {
    #[cfg(debug_assertions)]
    return armed::point(name);
    #[cfg(not(debug_assertions))]
    {
        let _ = name;
        Ok(())
    }
}

#[cfg(debug_assertions)]
pub use armed::{FaultSpec, arm};

#[cfg(debug_assertions)]
mod armed {
    use std::fs::File;
    use std::io::{self, Write as _};
    use std::str::FromStr;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use rustix::io::Errno;
    use rustix::process::{Signal, getpid, kill_process};

    /// Says what happens at a point.
    #[derive(Debug, Clone, Copy)]
    enum Effect {
        Kill,
        Stop,
        Fail(Errno),
    }

    /// Says which points count.
    #[derive(Debug, Clone)]
    enum Counted {
        All,
        /// From the first point of this name on.
        From(String),
        /// Only those of this name.
        Named(String),
    }

    /// Chooses a point and its effect.
    #[derive(Debug, Clone)]
    pub struct FaultSpec {
        counted: Counted,
        /// From 1.
        at: u64,
        effect: Effect,
        inside: bool,
    }

    /// Prefix of the names of redb's own points.
    const INSIDE: &str = "redb.";

    impl FromStr for FaultSpec {
        type Err = String;

        fn from_str(text: &str) -> Result<Self, String> {
            let (at, effect) = text.split_once(':').ok_or("a fault is written N:EFFECT")?;
            let (effect, inside) = match effect.strip_suffix(":redb") {
                Some(effect) => (effect, true),
                None => (effect, false),
            };
            let effect = match effect {
                "kill" => Effect::Kill,
                "stop" => Effect::Stop,
                "EIO" => Effect::Fail(Errno::IO),
                "ENOSPC" => Effect::Fail(Errno::NOSPC),
                "EACCES" => Effect::Fail(Errno::ACCESS),
                other => return Err(format!("unknown fault effect {other}")),
            };
            let (counted, number, skipped): (_, _, u64) = if let Some((name, number)) = at.split_once('+') {
                (Counted::From(name.to_owned()), number, 1)
            } else if let Some((name, number)) = at.split_once('*') {
                (Counted::Named(name.to_owned()), number, 0)
            } else {
                (Counted::All, at, 0)
            };
            let number: u64 =
                number.parse().map_err(|_| format!("{at} is not the number of a fault point"))?;
            Ok(FaultSpec { at: number + skipped, counted, effect, inside })
        }
    }

    struct Armed {
        spec: Option<FaultSpec>,
        trace: Option<File>,
    }

    static ARMED: OnceLock<Armed> = OnceLock::new();
    static STEPS: AtomicU64 = AtomicU64::new(0);
    static INSIDE_STEPS: AtomicU64 = AtomicU64::new(0);
    static HAS_BEGUN: AtomicBool = AtomicBool::new(false);

    /// Arms one point, and writes the name of every point reached to `trace`, one a line.
    pub fn arm(spec: Option<FaultSpec>, trace: Option<File>) {
        let _ = ARMED.set(Armed { spec, trace });
    }

    pub(super) fn point(name: &'static str) -> io::Result<()> {
        let Some(armed) = ARMED.get() else { return Ok(()) };
        let is_inside = name.starts_with(INSIDE);
        let counts = match armed.spec.as_ref().map(|spec| &spec.counted) {
            None | Some(Counted::All) => true,
            Some(Counted::From(first)) => first == name || HAS_BEGUN.load(Ordering::SeqCst),
            Some(Counted::Named(one)) => one == name,
        };
        if counts {
            HAS_BEGUN.store(true, Ordering::SeqCst);
        }
        let counter = if is_inside { &INSIDE_STEPS } else { &STEPS };
        let number = counts.then(|| counter.fetch_add(1, Ordering::SeqCst) + 1);
        if let Some(mut trace) = armed.trace.as_ref() {
            writeln!(trace, "{name}")?;
        }
        match &armed.spec {
            Some(FaultSpec { at, effect, inside, .. }) if Some(*at) == number && *inside == is_inside => {
                match effect {
                    Effect::Kill => {
                        let _ = kill_process(getpid(), Signal::KILL);
                        unreachable!("SIGKILL cannot be caught")
                    }
                    Effect::Stop => Ok(kill_process(getpid(), Signal::STOP)?),
                    Effect::Fail(errno) => Err((*errno).into()),
                }
            }
            _ => Ok(()),
        }
    }
}
