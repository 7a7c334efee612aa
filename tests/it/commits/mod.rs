//! Commits and resets: what they record, what they leave out, and what they cost.

mod chattr;
mod code;
mod commit;
mod commit_reset;
mod difference;
mod exact;
mod limits;
mod memory;
mod space;
mod spares;
mod unchanged;
mod untrusted_code;
