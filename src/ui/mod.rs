//! The page of `dvol ui`: volumes, history and sizes in a browser, and the verbs by a click.
//!
//! ```text
//! server   runtime, listener, signals
//! access   who may ask: Host, Origin, cookie, token; the headers of every answer
//! routes   which address leads to which page
//! app      what all requests share
//! fields   query strings and forms
//! verbs    the verbs that the page runs: their table, and the words of their commands
//! shell    a command as a person types it
//! jobs     commands that run
//! live     tells open pages what changed
//! forge    links to the code beside a commit
//! pages    the pages, one file each; their HTML works without the script
//! assets   the stylesheet and the script, as they are served
//! ```
//!
//! Guarantees:
//!
//! * A page reads by [`crate::ops`], as the command line does. An action is a run of the program
//!   itself with the words that the page shows, so that it refuses, waits, asks and reports as it
//!   does in a terminal: there is no second way to do it.
//! * No page walks a tree but those that a person opens for that: the changes of a working tree or
//!   of a commit, a directory of a commit, and sizes when asked for.
//! * The server listens on loopback only. Each request needs the name of this server as its Host
//!   and the cookie that the first address gave; a write needs the token of the forms besides, and
//!   comes from one of these pages.
//! * Text of unknown origin is escaped by maud; nothing is written into a page otherwise.
//!
//! A cookie belongs to a host, whatever the port: another server on this machine's loopback that
//! the same browser opens sees it. Do not open servers of people whom you do not trust.

mod access;
mod app;
mod fields;
mod forge;
mod jobs;
mod live;
mod pages;
mod routes;
mod server;
mod shell;
mod verbs;

pub use access::Secrets;
pub use app::Advise;
pub use jobs::Program;
pub use server::{Options, UiError, serve};
