//! The verbs beyond the daily ones, tried as a person would: through the binary, on a pool of their
//! own, with the clock and the ids standing still.

#![expect(clippy::disallowed_methods, reason = "tests set up files of their own")]
#![expect(clippy::unwrap_used, reason = "a harness that fails is a test that fails")]

mod verbs {
    mod archive;
    mod branches;
    mod code;
    mod commits;
    mod diff;
    mod dropped;
    #[path = "../crash/engine.rs"]
    #[allow(dead_code, reason = "the sweep uses more of it")]
    pub(crate) mod engine;
    mod errors;
    mod fields;
    pub(crate) mod harness;
    mod help_topics;
    mod hook;
    mod leaving;
    mod limits;
    mod log;
    mod mounts;
    mod outputs;
    mod projects;
    mod revisions;
    mod run;
    mod surroundings;
    mod tags;
    #[path = "../support/trace.rs"]
    mod trace;
    mod volumes;
}
