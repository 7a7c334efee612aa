//! The command line: its words, its errors, its formats, and what stands around the verbs.

mod config;
mod errors;
mod fields;
mod habits;
mod help_topics;
mod json_errors;
mod outputs;
mod signals;
mod surroundings;
mod terminal;
mod words;
