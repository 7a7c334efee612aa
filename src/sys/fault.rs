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
//! a process clears up first after others does not count then. The many writes that redb makes
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

    /// Chooses a point and its effect.
    #[derive(Debug, Clone)]
    pub struct FaultSpec {
        /// The name of the first point that counts; `None` means that all count.
        from: Option<String>,
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
            let (from, number) = match at.split_once('+') {
                Some((name, number)) => (Some(name.to_owned()), number),
                None => (None, at),
            };
            let at: u64 = number.parse().map_err(|_| format!("{at} is not the number of a fault point"))?;
            Ok(FaultSpec { at: at + u64::from(from.is_some()), from, effect, inside })
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
        let from = armed.spec.as_ref().and_then(|spec| spec.from.as_deref());
        if from.is_none_or(|from| from == name) {
            HAS_BEGUN.store(true, Ordering::SeqCst);
        }
        let counter = if is_inside { &INSIDE_STEPS } else { &STEPS };
        let counts = HAS_BEGUN.load(Ordering::SeqCst);
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
