//! Where repositories lie: put, get, list and delete whole files under names.
//!
//! `transport` is what each place can do, and `storage` the one that a URL names. There are a
//! `directory`, a `bucket` of a store that speaks S3, and another machine by `ssh`. `http` makes
//! requests to a store, and `credentials` finds its keys as the AWS tools do.

mod bucket;
pub(super) mod credentials;
mod directory;
pub(super) mod http;
mod ssh;
pub(super) mod storage;
pub(super) mod transport;
