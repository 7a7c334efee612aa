//! One run of the command: the pool as the flags say, and where its words go.

use std::cell::OnceCell;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tracing_subscriber::EnvFilter;

use super::compose::{self, Compose};
use super::environment;
use super::globals::Globals;
use super::output::{Failure, say};
use super::{pager, progress};
use crate::containers::{ContainerRuntime, NoContainers};
use crate::layout::Layout;
use crate::model::{Range, Revision, VolumeName};
use crate::pool::{Notice, Options, Pool};
use crate::report::{self, Format, Lines, Text, Wrap};
use crate::sys::tree::{CopyStats, CopyWay, Rung};

pub(super) struct Session {
    pub(super) globals: Globals,
    pub(super) pool: Pool,
    /// The compose project of the directory, once somebody asks for it.
    compose: OnceCell<Option<Compose>>,
}

impl Session {
    pub(super) fn open(globals: Globals) -> Result<Self, Failure> {
        let pool = open_pool(&globals, if globals.quiet { Arc::new(tell_warnings) } else { Arc::new(tell) })?;
        Ok(Session { globals, pool, compose: OnceCell::new() })
    }

    /// The volume that `-C` or the last word names; none means the current one.
    pub(super) fn volume(&self, word: Option<&VolumeName>) -> Result<Option<VolumeName>, Failure> {
        let find = |name: Option<&VolumeName>| name.map(|name| self.find(name)).transpose();
        match (find(self.globals.volume.as_ref())?, find(word)?) {
            (Some(flag), Some(word)) if flag != word => Err(Failure::Usage(format!(
                "-C names volume {flag} and the last word volume {word}: name one"
            ))),
            (flag, word) => Ok(flag.or(word)),
        }
    }

    /// The volume of this name, else the one that the compose project of this directory knows by it, else the
    /// name as it is, which is no volume's.
    pub(super) fn find(&self, name: &VolumeName) -> Result<VolumeName, Failure> {
        let is_there =
            |name: &VolumeName| Ok::<_, Failure>(self.pool.store().read(|rows| rows.volume(name))?.is_some());
        if is_there(name)? {
            return Ok(name.clone());
        }
        let Some(compose) = self.compose() else { return Ok(name.clone()) };
        let found = match compose.volume_called(name) {
            Some(called) if is_there(&called)? => Some(called),
            _ => self.pool.short_name(name, &compose.project)?,
        };
        if let Some(found) = found.as_ref().filter(|_| self.globals.verbose > 0) {
            say("note", &format!("{name} is volume {found}"));
        }
        Ok(found.unwrap_or_else(|| name.clone()))
    }

    /// A revision that was typed; the volume that it names is looked for as any.
    pub(super) fn revision(&self, text: &str) -> Result<Revision, Failure> {
        let mut revision: Revision = text.parse()?;
        revision.volume = revision.volume.as_ref().map(|name| self.find(name)).transpose()?;
        Ok(revision)
    }

    /// The same for both sides of `A..B`.
    pub(super) fn range(&self, text: &str) -> Result<Range, Failure> {
        let mut range: Range = text.parse()?;
        for side in [&mut range.from, &mut range.to] {
            side.volume = side.volume.as_ref().map(|name| self.find(name)).transpose()?;
        }
        Ok(range)
    }

    /// The compose project of this directory.
    pub(super) fn compose(&self) -> Option<&Compose> {
        self.compose.get_or_init(compose::here).as_ref()
    }

    /// Writes a result to standard output in the format that was asked for.
    pub(super) fn print<T: Text + Lines>(&self, report: &T) -> Result<(), Failure> {
        let mut out = io::BufWriter::new(anstream::stdout().lock());
        self.write(&mut out, report)?;
        io::Write::flush(&mut out).map_err(Failure::Output)
    }

    /// The same for what an acting verb did, which -q does not want to hear.
    pub(super) fn done<T: Text + Lines>(&self, report: &T) -> Result<(), Failure> {
        if self.globals.quiet { Ok(()) } else { self.print(report) }
    }

    /// Writes a result that may be long: through a pager where a person reads it at a terminal.
    pub(super) fn page<T: Text + Lines>(&self, report: &T) -> Result<(), Failure> {
        if self.is_text() {
            let mut text = Vec::new();
            report.text(&mut text).map_err(Failure::Output)?;
            if text.is_empty() {
                return Ok(());
            }
        }
        self.paged(&mut |out| self.write(out, report))
    }

    /// Writes a result, its lines fitted to the terminal where there is one.
    fn write<T: Text + Lines>(&self, out: &mut dyn io::Write, report: &T) -> Result<(), Failure> {
        let width = if io::stdout().is_terminal() { terminal_size::terminal_size() } else { None };
        match (self.globals.format(), width) {
            (Format::Text, Some((width, _))) if report.wrap() != Wrap::Free => {
                let mut text = Vec::new();
                report.text(&mut text).map_err(Failure::Output)?;
                let text = String::from_utf8_lossy(&text);
                let text = report::wrap(&text, usize::from(width.0), report.wrap());
                out.write_all(text.as_bytes()).map_err(Failure::Output)
            }
            (format, _) => report::write(out, format, report).map_err(Failure::Output),
        }
    }

    /// The same for what `write` writes piece by piece. It is called again where the pager is not to be found.
    pub(super) fn paged(
        &self,
        write: &mut dyn FnMut(&mut dyn io::Write) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.is_text()
            && let Some(mut pager) = pager::Pager::start()
        {
            let written = write(&mut pager);
            let found = pager.end().map_err(Failure::Output)?;
            match written {
                // Whoever reads has had enough.
                Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
                other => other?,
            }
            if found {
                return Ok(());
            }
        }
        let mut out = io::BufWriter::new(anstream::stdout().lock());
        write(&mut out)?;
        io::Write::flush(&mut out).map_err(Failure::Output)
    }

    /// Says which containers were touched, to who wants to know.
    pub(super) fn note_containers(&self, what: &str, containers: &[String]) {
        if self.globals.verbose > 0 && !containers.is_empty() {
            say("note", &format!("{what}: {}", containers.join(", ")));
        }
    }

    /// Says how the copies were made, before and while containers were held for `downtime_ms`, to who wants to know.
    pub(super) fn note_copy(&self, copied: &CopyStats, quiesced: &CopyStats, held: bool, downtime_ms: u64) {
        if self.globals.verbose > 0 {
            let mut all = copied.clone();
            all += quiesced;
            let rung = |name: &str, rung: &Rung| format!("{name} {} files, {} bytes", rung.files, rung.bytes);
            let rungs = [
                rung("cloned", &all.by_way[CopyWay::Cloned]),
                rung("copied in the kernel", &all.by_way[CopyWay::Ranged]),
                rung("read and written", &all.by_way[CopyWay::Written]),
                rung("compared and brought up to date", &all.by_way[CopyWay::Patched]),
            ];
            say("note", &rungs.join("; "));
            if held {
                let (files, bytes) = (quiesced.files, quiesced.moved());
                say(
                    "note",
                    &format!(
                        "containers were held for {downtime_ms} ms, while {files} files, {bytes} bytes were copied"
                    ),
                );
            }
        }
    }

    pub(super) fn is_text(&self) -> bool {
        self.globals.format() == Format::Text
    }
}

/// The pool as the flags say; `notices` is told what a person should hear.
pub(super) fn open_pool(
    globals: &Globals,
    notices: Arc<dyn Fn(&Notice) + Send + Sync>,
) -> Result<Pool, Failure> {
    let root = std::path::absolute(&globals.pool)
        .map_err(|error| Failure::Usage(format!("the pool {}: {error}", globals.pool.display())))?;
    let containers: Arc<dyn ContainerRuntime> = if globals.disable_docker_integration {
        Arc::new(NoContainers)
    } else {
        Arc::new(environment::engine())
    };
    let options = Options {
        notices,
        watcher: progress::watcher(globals),
        lock_timeout: globals.lock_timeout(),
        stop_timeout: globals.stop_timeout(),
        quiesce: globals.quiesce(),
        wait: globals.wait(),
        ..Options::new(containers, environment::clock()?, environment::ids()?)
    };
    Ok(Pool::new(Layout::new(root), options))
}

/// Lets Ctrl-C, SIGTERM and SIGHUP undo the operation that runs; the second one ends the process
/// at once, and whoever comes next undoes it.
pub(super) fn catch_interrupts(pool: &Pool) -> Result<(), Failure> {
    let flag = pool.interrupted();
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
            .map_err(Failure::Output)?;
    }
    Ok(())
}

/// Sends log lines to standard error: what `DVOL_LOG` asks for, else by the count of `-v`.
pub(super) fn start_log(verbose: u8, quiet_level: &str) {
    let level = match verbose {
        0 => quiet_level,
        1 => "info",
        _ => "debug",
    };
    let filter = environment::variable("DVOL_LOG").and_then(|text| EnvFilter::try_new(text).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new(format!("warn,dvol={level}")));
    let colors = io::stderr().is_terminal() && environment::variable("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colors).init();
}

/// The same for who wants to hear of trouble only.
fn tell_warnings(notice: &Notice) {
    if !matches!(
        notice,
        Notice::Waiting { .. } | Notice::Finished { .. } | Notice::Undone { .. } | Notice::Adopted { .. }
    ) {
        tell(notice);
    }
}

/// What a person hears while an operation runs.
pub(super) fn tell(notice: &Notice) {
    match notice {
        Notice::Waiting { what, holder } => say("waiting", &format!("for {what}, held by {holder}")),
        Notice::Killed { container } => {
            say("warning", &format!("container {container} did not stop in time and was killed"));
        }
        Notice::Finished { verb, volume } => {
            say("note", &format!("finished the {verb} of volume {volume} that had died"));
        }
        Notice::Undone { verb, volume } => {
            say("note", &format!("undid the {verb} of volume {volume} that had died"));
        }
        Notice::SetAside { volume, entries, place } => {
            let place = place.display();
            say(
                "warning",
                &format!(
                    "another process moved entries of volume {volume}; those without a place ({entries}) are in {place}"
                ),
            );
        }
        Notice::NotRecovered { volume, reason } => {
            say("warning", &format!("volume {volume} is left for the next dvol to clear up: {reason}"));
        }
        Notice::PostFailed { container, command, reason } => {
            say("warning", &format!("'{command}' failed in container {container}: {reason}"));
        }
        Notice::Adopted { volume } => {
            say(
                "note",
                &format!(
                    "took over volume {volume} from the older layout; its .json files are not needed any more"
                ),
            );
        }
        Notice::NotAdopted { volume, reason } => {
            say("warning", &format!("volume {volume} of the older layout is not taken over: {reason}"));
            say("hint", "mend it, then dvol import --older-layout takes it over");
        }
        Notice::EmptyTree { volume, branch, has_commit } => {
            let text = format!("the working tree of {volume}/{branch} is missing: it is empty now");
            say("warning", &text);
            if *has_commit {
                say("hint", "dvol reset --hard fills it from its newest commit");
            }
        }
        Notice::Flawed { flaw } => say("warning", flaw),
        Notice::NotReleased { container, reason } => {
            say("warning", &format!("container {container} is not running again: {reason}"));
        }
    }
}
