//! Container engines: what dvol does when containers start, end or leave beside it.

mod leaving;
mod mounts;
mod reach;
mod ready;
mod reset;
mod starts;
