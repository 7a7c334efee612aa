//! Long text on a terminal goes through a pager: `DVOL_PAGER`, else `PAGER`, else `less -FRX`.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::globals::environment;

/// Shows `text` (with colours) to the person at the terminal. Gives it back where there is no
/// pager to be had, or nobody at a terminal.
pub(super) fn show(text: &[u8]) -> io::Result<bool> {
    if !io::stdout().is_terminal() {
        return Ok(false);
    }
    let wanted = environment("DVOL_PAGER").or_else(|| environment("PAGER"));
    let wanted = wanted.unwrap_or_else(|| "less".to_owned());
    if wanted.trim() == "cat" {
        return Ok(false);
    }
    let mut command = Command::new("sh");
    command.args(["-c", &wanted]).stdin(Stdio::piped());
    if environment("LESS").is_none() {
        command.env("LESS", "FRX");
    }
    let Ok(mut child) = command.spawn() else { return Ok(false) };
    // Ctrl-C is for the pager; we go when it does.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::new(AtomicBool::new(false)));
    let plain = anstream::AutoStream::choice(&io::stdout()) == anstream::ColorChoice::Never;
    let text = if plain { anstream::adapter::strip_bytes(text).into_vec() } else { text.to_vec() };
    if let Some(mut stdin) = child.stdin.take()
        && let Err(error) = stdin.write_all(&text)
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        return Err(error);
    }
    // 127: the shell did not find it.
    Ok(child.wait()?.code() != Some(127))
}
