//! Remotes: repositories that volumes are pushed to and cloned from.

mod clone;
mod data;
mod fetch;
mod ls_remote;
mod pull;
mod push;
mod push_refs;
mod remote;
mod state;
mod sweep;
mod track;

pub(super) use clone::clone_with;
pub use clone::{CloneRequest, ClonedFrom, clone_from};
pub use data::DataReceived;
pub use fetch::{FetchRequest, Fetched, FetchedRef, fetch};
pub use ls_remote::{RemoteRef, RemoteRefs, ls_remote};
pub use pull::{PullRequest, Pulled, pull};
pub use push::{PushRequest, Pushed, push};
pub use push_refs::{Force, PushSpec, PushedRef, RefOutcome, Tags};
pub use remote::{
    Access, RemoteAdded, RemoteChange, RemoteEntry, RemoteShown, RemoteUse, add_remote, find_remote,
    remote_key_file, remotes, remove_remote, rename_remote, set_remote_url, show_remote,
};
pub use state::fetch_state;
pub use sweep::{RemoteSwept, sweep_remote};
pub use track::{RemoteBranch, UpstreamSet, UpstreamState, remote_branches, set_upstream, upstream_state};
