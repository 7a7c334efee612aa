//! One run of the command: the pool that the flags describe, and where output goes.

use std::cell::OnceCell;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;

use super::background::SparesToPrepare;
use super::compose::{self, Compose};
use super::environment;
use super::globals::Globals;
use super::output::{Failure, say};
use super::{Outcome, notices, output, pager, progress};
use crate::containers::{ContainerRuntime, NoContainers};
use crate::error::Error;
use crate::layout::Layout;
use crate::model::{HoldMode, Range, Revision, Verb, VolumeName, format_size};
use crate::pool::{Disruption, FindVolumes, Notice, Options, Pool, VolumeCandidates};
use crate::report::{self, Door, Format, Lines, Text, Wrap};
use crate::sys::tree::{CopyStats, CopyWay, Rung};

pub(super) struct Session {
    pub(super) globals: Globals,
    pub(super) pool: Pool,
    /// The compose project of the current directory, found on first use.
    compose: OnceCell<Option<Compose>>,
    spares: SparesToPrepare,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.spares.start(self.pool.layout().root());
    }
}

impl Session {
    /// Opens the pool. `names_volume` tells that the verb's own output names the volume.
    pub(super) fn open(globals: Globals, names_volume: bool) -> Result<Self, Failure> {
        let is_known = names_volume || globals.format() == Format::Json;
        let tell = if globals.quiet { notices::tell_warnings } else { notices::tell };
        let spares = SparesToPrepare::default();
        let later = spares.clone();
        let tell = move |notice: &Notice| {
            if let Notice::LargeFilesLeft { volume } = notice {
                later.add(volume);
            }
            if !(is_known && matches!(notice, Notice::Meant { .. })) {
                tell(notice);
            }
        };
        let pool = open_pool(&globals, Arc::new(tell))?;
        let root = pool.layout().root().to_owned();
        let pool = pool.labelling(Arc::new(move |volume| compose::here(&root)?.own(volume)));
        Ok(Session { globals, pool, compose: OnceCell::new(), spares })
    }

    /// Returns the volume that `-C` or the last word names; `None` means the current one.
    pub(super) fn volume(&self, word: Option<&VolumeName>) -> Result<Option<VolumeName>, Failure> {
        let find = |name: Option<&VolumeName>| name.map(|name| self.find(name)).transpose();
        match (find(self.globals.volume.as_ref())?, find(word)?) {
            (Some(flag), Some(word)) if flag != word => Err(Failure::Usage(format!(
                "-C names volume {flag}, the last operand names volume {word}: name one"
            ))),
            (flag, word) => Ok(flag.or(word)),
        }
    }

    /// Returns the volume of this name, else the one that the compose project of this directory
    /// calls so, else the name unchanged.
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

    /// Returns the volume as [`Session::volume`] does; a deleted one too, also by its short name.
    pub(super) fn past_volume(&self, word: Option<&VolumeName>) -> Result<Option<VolumeName>, Failure> {
        let Some(found) = self.volume(word)? else { return Ok(None) };
        let is_known = |name: &VolumeName| {
            let exists = self.pool.store().read(|rows| rows.volume(name))?.is_some();
            Ok::<_, Failure>(exists || self.pool.is_logged(name)?)
        };
        if is_known(&found)? {
            return Ok(Some(found));
        }
        let Some(compose) = self.compose() else { return Ok(Some(found)) };
        for candidate in
            [compose.volume_called(&found), compose.prefixed(found.as_str())].into_iter().flatten()
        {
            if is_known(&candidate)? {
                return Ok(Some(candidate));
            }
        }
        Ok(Some(found))
    }

    /// Parses a revision; finds the volume that it names as [`Session::find`] does.
    pub(super) fn revision(&self, text: &str) -> Result<Revision, Failure> {
        let mut revision: Revision = text.parse()?;
        revision.volume = revision.volume.as_ref().map(|name| self.find(name)).transpose()?;
        Ok(revision)
    }

    /// Parses a range `A..B`; finds the volumes that it names as [`Session::find`] does.
    pub(super) fn range(&self, text: &str) -> Result<Range, Failure> {
        let mut range: Range = text.parse()?;
        for side in [&mut range.from, &mut range.to] {
            side.volume = side.volume.as_ref().map(|name| self.find(name)).transpose()?;
        }
        Ok(range)
    }

    /// Returns the compose project of this directory.
    pub(super) fn compose(&self) -> Option<&Compose> {
        self.compose.get_or_init(|| compose::here(self.pool.layout().root())).as_ref()
    }

    /// Prints a result to standard output in the requested format.
    pub(super) fn print<T: Text + Lines>(&self, report: &T) -> Result<(), Failure> {
        let mut out = output::out();
        self.write(&mut out, report)?;
        io::Write::flush(&mut out).map_err(Failure::Output)
    }

    /// Like `print`, for verbs that change something; silent with `-q`.
    pub(super) fn done<T: Text + Lines>(&self, report: &T) -> Result<(), Failure> {
        if self.globals.quiet { Ok(()) } else { self.print(report) }
    }

    /// Prints a result that may be long: through a pager on a terminal.
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

    /// Writes a result, with its lines wrapped to the width of the terminal.
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

    /// Like `page`, for output that `write` produces piece by piece. Calls `write` again if the
    /// pager does not exist.
    pub(super) fn paged(
        &self,
        write: &mut dyn FnMut(&mut dyn io::Write) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.is_text()
            && !self.globals.no_pager
            && let Some(mut pager) = pager::Pager::start()
        {
            let written = write(&mut pager);
            let found = pager.end().map_err(Failure::Output)?;
            match written {
                // The reader closed the pager.
                Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
                other => other?,
            }
            if found {
                return Ok(());
            }
        }
        let mut out = output::out();
        write(&mut out)?;
        io::Write::flush(&mut out).map_err(Failure::Output)
    }

    /// Prints which containers were held in which way and when they were ready, with `-v`.
    pub(super) fn note_containers(&self, disruption: &Disruption) {
        if self.globals.verbose == 0 {
            return;
        }
        for (way, what) in [
            (HoldMode::Stop, "stopped and started"),
            (HoldMode::Kill, "killed and started"),
            (HoldMode::Pause, "paused"),
            (HoldMode::Restart, "paused and restarted"),
        ] {
            let held = disruption.containers.iter().filter(|held| held.hold == way);
            let names: Vec<&str> = held.map(|held| held.name.as_str()).collect();
            if !names.is_empty() {
                say("note", &format!("{what}: {}", names.join(", ")));
            }
        }
        if let Some(ready_ms) = disruption.ready_ms {
            say("note", &format!("containers were ready after {ready_ms} ms"));
        }
    }

    /// Ends a verb that is done on `volumes`: with an error if a container is not up.
    pub(super) fn end<'v>(
        &self,
        verb: Verb,
        volumes: impl IntoIterator<Item = &'v VolumeName>,
        disruption: &Disruption,
    ) -> Outcome {
        if disruption.problems.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        let volumes = volumes.into_iter().cloned().collect();
        Err(Error::NotReleased { verb, volumes, problems: disruption.problems.clone() }.into())
    }

    /// Prints how the copies were made, with `-v`: all of them, then those made while containers
    /// were held.
    pub(super) fn note_copy(&self, copied: &CopyStats, quiesced: &CopyStats, disruption: &Disruption) {
        if self.globals.verbose > 0 {
            let mut all = copied.clone();
            all += quiesced;
            let rung =
                |name: &str, rung: &Rung| format!("{name} {} files, {}", rung.files, format_size(rung.bytes));
            let rungs = [
                rung("cloned", &all.by_way[CopyWay::Cloned]),
                rung("copied in the kernel", &all.by_way[CopyWay::Ranged]),
                rung("read and written", &all.by_way[CopyWay::Written]),
                rung("patched", &all.by_way[CopyWay::Patched]),
            ];
            say("note", &rungs.join("; "));
            if !disruption.containers.is_empty() {
                let downtime_ms = disruption.downtime_ms;
                let (files, bytes) = (quiesced.files, format_size(quiesced.moved()));
                say("note", &format!("containers held for {downtime_ms} ms to copy {files} files, {bytes}"));
            }
        }
    }

    /// Returns whether to say more than the result, such as what to do next.
    pub(super) fn wants_remarks(&self) -> bool {
        self.is_text() && !self.globals.quiet
    }

    pub(super) fn is_text(&self) -> bool {
        self.globals.format() == Format::Text
    }
}

/// Finds out which volume a command means by the environment and the compose project of the current
/// directory.
pub(super) fn volume_candidates(root: PathBuf) -> Arc<FindVolumes> {
    Arc::new(move || {
        let compose = compose::here(&root);
        let mut found = VolumeCandidates::default();
        if let Some(text) = environment::variable("DVOL_VOLUME") {
            let name: VolumeName = text.parse()?;
            let short = compose.as_ref().and_then(|compose| compose.volume_called(&name));
            let prefixed = compose.as_ref().and_then(|compose| compose.prefixed(name.as_str()));
            found.chosen = [Some(name), short, prefixed].into_iter().flatten().collect();
        }
        found.of_directory = compose.map(|compose| compose.volumes()).unwrap_or_default();
        Ok(found)
    })
}

/// Opens the pool that the flags describe; calls `notices` with what the user should know.
pub(super) fn open_pool(
    globals: &Globals,
    notices: Arc<dyn Fn(&Notice) + Send + Sync>,
) -> Result<Pool, Failure> {
    let root = std::path::absolute(&globals.pool).map_err(|error| {
        Failure::Usage(format!("cannot use the pool {}: {error}", globals.pool.display()))
    })?;
    let containers: Arc<dyn ContainerRuntime> = if globals.disable_docker_integration {
        Arc::new(NoContainers)
    } else {
        Arc::new(environment::engine())
    };
    let defaults = Options::new(containers, environment::clock()?, environment::ids()?);
    let options = Options {
        notices,
        watcher: progress::watcher(globals),
        lock_timeout: globals.lock_timeout().unwrap_or(defaults.lock_timeout),
        stop_timeout: globals.stop_timeout(),
        quiesce: globals.quiesce(),
        architecture: environment::architecture(),
        wait: globals.wait(),
        much_copied: environment::much_copied().unwrap_or(defaults.much_copied),
        candidates: volume_candidates(root.clone()),
        ..defaults
    };
    Ok(Pool::new(Layout::new(root), options))
}

/// Logs to standard error, at the level that `DVOL_LOG` or the count of `-v` asks for.
pub(super) fn start_log(verbose: u8, quiet_level: &str) {
    let level = match verbose {
        0 => quiet_level,
        1 => "info",
        _ => "debug",
    };
    let filter = environment::variable("DVOL_LOG").and_then(|text| EnvFilter::try_new(text).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new(format!("warn,dvol={level}")));
    let colors = io::stderr().is_terminal() && environment::variable("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Door::new(io::stderr()))
        .with_ansi(colors)
        .init();
}
