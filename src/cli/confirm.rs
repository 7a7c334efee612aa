//! Asks on a terminal, or on the page of `dvol ui`, before something is deleted.

use std::io::{self, IsTerminal as _, Write as _};

use super::environment;
use super::output::Failure;

/// Asks whether to do something that `action` names as a verb phrase.
///
/// # Errors
/// [`Failure::NotConfirmed`] where there is no terminal to ask on.
pub(super) fn confirmed(action: &str, question: &str) -> Result<bool, Failure> {
    let is_at_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !is_at_terminal && !environment::is_for_page() {
        return Err(Failure::NotConfirmed { action: action.to_owned() });
    }
    ask(question)
}

/// Asks a question on the terminal.
pub(super) fn ask(question: &str) -> Result<bool, Failure> {
    eprint!("{question} [y/N] ");
    io::stderr().flush().map_err(Failure::Output)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(Failure::Output)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
