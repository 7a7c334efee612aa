//! The volume driver, asked over its socket as an engine asks it.

mod calls;
mod connections;
mod cycles;
mod requests;
mod systemd;
mod unit;
mod unreadable;
