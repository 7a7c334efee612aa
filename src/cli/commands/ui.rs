//! `dvol ui`

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::environment::{self, DEFAULT_POOL, default_socket};
use crate::cli::hints;
use crate::cli::output::{self, Failure, say};
use crate::cli::session::{Session, open_pool};
use crate::cli::{Outcome, notices};
use crate::model::count;
use crate::pool::{Notice, Pool};
use crate::report::{self, Format, Served};
use crate::ui::{Options, Program, Secrets, serve};

/// Show the volumes in a browser, and work on them there
///
/// Serves a page to this machine alone, prints its address and opens it: volumes with their
/// history, sizes and containers, what commits changed, operations with undo. Each button shows the
/// command that it runs. The address has a token of this run; anyone who has it can do what you
/// can. Ends with Ctrl-C, once the commands that run are done.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol ui
  sudo dvol ui --port 7000 --no-open
  ssh -L 7000:127.0.0.1:7000 HOST sudo dvol ui --port 7000 --no-open")]
pub(in crate::cli) struct UiArgs {
    /// Port to serve on [default: any that is free]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Address of this machine's loopback to serve on
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
    /// Do not open a browser
    #[arg(long)]
    no_open: bool,
    /// Socket of the volume driver, for its health
    #[arg(long, value_name = "PATH", default_value_os_t = default_socket(), hide_default_value = true)]
    #[arg(hide_short_help = true)]
    socket: PathBuf,
}

pub(in crate::cli) fn run(session: &Session, args: &UiArgs) -> Outcome {
    let pool = open_pool(&session.globals, std::sync::Arc::new(tell))?;
    let ids = environment::ids()?;
    let format = session.globals.format();
    let opens = !args.no_open && io::stdout().is_terminal();
    let options = Options {
        address: args.address,
        port: args.port,
        secrets: Secrets { session: ids.next(), form: ids.next() },
        program: program(session, &pool)?,
        advise: hints::hints,
        socket: args.socket.clone(),
        ready: Box::new(move |address| ready(address, format, opens)),
        waiting: |running| {
            say("note", &format!("waiting for {} to end", count(running, "command")));
        },
    };
    serve(pool, options).map_err(Failure::Ui)?;
    Ok(ExitCode::SUCCESS)
}

/// Returns how the page runs commands: as this one was run.
fn program(session: &Session, pool: &Pool) -> Result<Program, Failure> {
    let file = std::env::current_exe()
        .map_err(|error| Failure::Failed(format!("cannot find the program itself: {error}")))?;
    let root = pool.layout().root().as_os_str().to_owned();
    let mut options = session.globals.words();
    let is_known = root == DEFAULT_POOL || environment::variable("DVOL_POOL").is_some();
    if !is_known {
        options.splice(0..0, ["--pool".into(), root.clone()]);
    }
    let environment: Vec<(&'static str, OsString)> =
        vec![("DVOL_POOL", root), (environment::FOR_PAGE, "1".into()), ("NO_COLOR", "1".into())];
    Ok(Program { file, options, environment })
}

/// Prints the first address, and opens it in the user's browser.
fn ready(address: &str, format: Format, opens: bool) {
    // A failure to print leaves no way to reach the page, and none to say so.
    let mut out = output::out();
    let served = Served { address: address.to_owned() };
    let _ = report::write(&mut out, format, &served).and_then(|()| out.flush());
    if opens && open::that_detached(address).is_err() {
        say("hint", "open this address in a browser");
    }
}

/// Prints what a person should know; the pages name the volume themselves.
fn tell(notice: &Notice) {
    if !matches!(notice, Notice::Meant { .. }) {
        notices::tell_warnings(notice);
    }
}
