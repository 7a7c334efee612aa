//! `dvol ensure`

use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use signal_hook::iterator::Signals;

use super::run::say_how_to_roll_back;
use crate::cli::child::Child;
use crate::cli::git::Git;
use crate::cli::output::{Failure, say};
use crate::cli::remotes::{PasswordArgs, meant};
use crate::cli::session::Session;
use crate::cli::signals::interrupts;
use crate::cli::{Outcome, author, code, environment, file_hash};
use crate::error::Error;
use crate::model::{TagName, Verb, VolumeName};
use crate::ops::{self, EnsureRequest, Ensured, Looked, Seeding, Surroundings};

/// Names the volume whose SEED runs, in the environment of SEED.
const SEEDING: &str = "DVOL_SEEDING";

/// Bring the volume to a named state; run a command to make it the first time
///
/// If there is a tag KEY, resets the volume to its commit, as dvol reset --hard does. If not, runs
/// SEED, commits what it made, tags that KEY and resets the volume to it. With --files, the tag is
/// KEY and a hash of these files, so that SEED runs again when one of them changes.
///
/// If SEED fails or is interrupted, the volume is as it was before, and the exit code is SEED's. Of
/// several calls at once, one runs SEED and the others wait for it. SEED's output goes to standard
/// error. dvol undo brings back what the volume was before.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol ensure schema -- ./migrate
  dvol ensure schema --files 'migrations/**' --from empty -- ./migrate
  dvol ensure frob_mysql:demo -- ./load-demo-data
  dvol ensure --remote origin schema -- ./migrate")]
pub(in crate::cli) struct EnsureArgs {
    /// Tag of the state, or VOLUME:TAG
    #[arg(add = crate::cli::complete::states())]
    key: String,
    /// Volume [default: the current volume]
    #[arg(add = crate::cli::complete::volumes())]
    volume: Option<VolumeName>,
    /// Files that SEED depends on, as patterns (*, ?, [], **) relative to the current directory; a
    /// directory means all files in it
    #[arg(long, num_args = 1.., value_name = "GLOB", value_hint = clap::ValueHint::AnyPath)]
    files: Vec<String>,
    /// Commit to reset the volume to before SEED [default: SEED starts from the volume as it is]
    #[arg(long, value_name = "REVISION", add = crate::cli::complete::revisions())]
    from: Option<String>,
    /// Take the state from this remote, if the remote has a tag KEY and the pool has none
    #[arg(long, value_name = "REMOTE", add = crate::cli::complete::remotes())]
    remote: Option<String>,
    #[command(flatten)]
    password: PasswordArgs,
    /// Reset a protected branch as well
    #[arg(short, long)]
    force: bool,
    /// Command that makes the state, and its arguments, after --
    #[arg(last = true, required = true, value_name = "SEED")]
    seed: Vec<OsString>,
}

pub(in crate::cli) fn run(session: &Session, args: &EnsureArgs) -> Outcome {
    let (pool, begun) = (&session.pool, Instant::now());
    let failed = |error: io::Error| Failure::Failed(format!("cannot catch signals: {error}"));
    let request = request(session, args)?;
    let volume = pool.select(request.volume.as_ref())?;
    let seeding = format!("{}:{volume}", pool.layout().root().display());
    if environment::variable(SEEDING).is_some_and(|outer| outer == seeding) {
        let text = format!("SEED of an ensure on volume {volume} cannot ensure a state of the same volume");
        return Err(Failure::Failed(text));
    }
    let flag = pool.interrupted();
    let signals = interrupts();
    for signal in signals.iter().copied() {
        signal_hook::flag::register(signal, Arc::clone(&flag)).map_err(failed)?;
    }
    if let Some(word) = &args.remote {
        let access = args.password.access(meant(session, Some(&volume), Some(word))?, false)?;
        let author = author::from_surroundings(&Git::here(pool));
        ops::fetch_state(pool, &access, &volume, &request.tag, &author)?;
    }
    let missing = match ops::ensure(pool, &request, || surroundings(session))? {
        Looked::Found(found) => return done(session, *found, begun),
        Looked::Missing(missing) => missing,
    };
    session.note_containers(missing.disruption());
    let problems = &missing.disruption().problems;
    let signals = Signals::new(&signals).map_err(failed);
    let ended = match signals {
        _ if !problems.is_empty() => {
            Err(Failure::Failed(format!("SEED did not run: {}", problems.join("; "))))
        }
        _ if flag.load(Ordering::Relaxed) => Err(Error::Interrupted.into()),
        Ok(signals) => seed(session, args, &missing, &seeding, signals),
        Err(error) => Err(error),
    };
    let kept = match ended {
        Ok(0) => missing.keep().map_err(Failure::from).map(|()| 0),
        other => other,
    };
    let is_kept = matches!(kept, Ok(0));
    match missing.put_back(!is_kept) {
        Ok(disruption) if !is_kept => {
            session.note_containers(&disruption);
            disruption.problems.iter().for_each(|problem| say("warning", problem));
        }
        Ok(_) => {}
        Err(error) => {
            say_how_to_roll_back(&volume, missing.snapshot_tag(), &error);
            return Err(error.into());
        }
    }
    match kept? {
        0 => done(session, missing.reset()?, begun),
        exit => {
            let message = format!("SEED ended with exit code {exit}; volume {volume} is as it was before");
            Err(Failure::Named { code: "seed_failed", message, hints: Vec::new(), exit })
        }
    }
}

fn request(session: &Session, args: &EnsureArgs) -> Result<EnsureRequest, Failure> {
    let (volume, key) = match args.key.split_once(':') {
        None => (session.volume(args.volume.as_ref())?, args.key.as_str()),
        Some((volume, key)) => {
            let named = session.find(&volume.parse()?)?;
            match session.volume(args.volume.as_ref())? {
                Some(other) if other != named => {
                    let text = format!("{} names volume {named}, not {other}: name one", args.key);
                    return Err(Failure::Usage(text));
                }
                _ => (Some(named), key),
            }
        }
    };
    let tag: TagName = match args.files.as_slice() {
        [] => key.parse()?,
        files => {
            let here = std::env::current_dir()
                .map_err(|error| Failure::Failed(format!("cannot find the current directory: {error}")))?;
            format!("{key}-{}", file_hash::hash(&here, files)?).parse()?
        }
    };
    let from = args.from.as_deref().map(|text| session.revision(text)).transpose()?;
    Ok(EnsureRequest { volume, tag, from, limit: session.globals.lock_timeout(), force: args.force })
}

fn surroundings(session: &Session) -> Surroundings {
    let git = Git::here(&session.pool);
    Surroundings { author: author::from_surroundings(&git), code: code::state(&git) }
}

/// Runs SEED and returns its exit code.
fn seed(
    session: &Session,
    args: &EnsureArgs,
    missing: &Seeding<'_>,
    seeding: &str,
    signals: Signals,
) -> Result<u8, Failure> {
    let child = Child::on(session, missing.volume(), &args.seed).env(SEEDING, seeding);
    let child = child.printing_to_stderr().map_err(Failure::Output)?;
    Ok(child.once_started(|pid| missing.note_process(pid)).run(signals))
}

fn done(session: &Session, ensured: Ensured, begun: Instant) -> Outcome {
    // To the millisecond.
    let seconds = (begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    let ensured = Ensured { seconds, ..ensured };
    session.note_containers(&ensured.disruption);
    session.note_copy(&ensured.copied, &ensured.quiesced, &ensured.disruption);
    session.done(&ensured)?;
    if ensured.reset && session.wants_remarks() {
        say("hint", &format!("undo this: dvol undo {}", ensured.volume));
    }
    session.end(Verb::Ensure, [&ensured.volume], &ensured.disruption)
}
