//! Archives against GNU tar: what it unpacks is what the importer makes, or the importer says why
//! not.

#![expect(clippy::disallowed_methods, reason = "tests set up files of their own")]
#![expect(clippy::unwrap_used, reason = "a harness that fails is a test that fails")]

mod archives {
    mod by_hand;
    mod by_tools;
    mod contest;
    mod exported;
    mod mutated;
    mod mutation;
    mod raw;
    mod tree_state;
}
