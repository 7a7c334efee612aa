//! Pages long text on a terminal through `DVOL_PAGER`, else `PAGER`, else `less -FRX`.

use std::io::{self, IsTerminal as _, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anstream::StripStream;

use super::{environment, programs};
use crate::report::Door;

/// A running pager; shows what is written to it, with colours.
pub(super) struct Pager {
    child: Child,
    to: Option<Door<Box<dyn Write>>>,
}

impl Pager {
    /// Starts the pager. Returns `None` if standard output is no terminal or the pager cannot
    /// start.
    pub(super) fn start() -> Option<Self> {
        if !io::stdout().is_terminal() {
            return None;
        }
        let wanted = environment::variable("DVOL_PAGER").or_else(|| environment::variable("PAGER"));
        let wanted = wanted.unwrap_or_else(|| "less".to_owned());
        if wanted.trim() == "cat" {
            return None;
        }
        let mut command = programs::command("sh");
        command.args(["-c", &wanted]).stdin(Stdio::piped());
        if environment::variable("LESS").is_none() {
            command.env("LESS", "FRX");
        }
        let mut child = command.spawn().ok()?;
        // Ctrl-C is for the pager; dvol exits after it.
        let _ = signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::new(AtomicBool::new(false)));
        let plain = anstream::AutoStream::choice(&io::stdout()) == anstream::ColorChoice::Never;
        let to = io::BufWriter::<ChildStdin>::new(child.stdin.take()?);
        let to: Box<dyn Write> =
            if plain { Box::new(StripStream::new(Box::new(to) as Box<dyn Write>)) } else { Box::new(to) };
        Some(Pager { child, to: Some(Door::new(to)) })
    }

    /// Waits for the pager to exit; returns false if the shell did not find it.
    pub(super) fn end(mut self) -> io::Result<bool> {
        if let Some(mut to) = self.to.take()
            && let Err(error) = to.flush()
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            return Err(error);
        }
        Ok(self.child.wait()?.code() != Some(127))
    }
}

/// Shows a text through the pager; returns false if there is none, so that the caller prints the
/// text itself.
pub(super) fn show(text: &str) -> bool {
    let Some(mut pager) = Pager::start() else { return false };
    // A reader who has read enough ends the pager.
    let _ = pager.write_all(text.as_bytes());
    pager.end().unwrap_or(false)
}

impl Write for Pager {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.to.as_mut().map_or(Ok(text.len()), |to| to.write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.as_mut().map_or(Ok(()), Write::flush)
    }
}
