//! `remote gc`: delete what no branch and no tag of a remote needs any more.

use serde::Serialize;

use super::remote::Access;
use crate::error::Error;
use crate::model::{RemoteName, RemoteUrl};
use crate::pool::Pool;
use crate::remotes::Swept;

/// What was deleted from a remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteSwept {
    /// The remote.
    pub remote: RemoteName,
    /// Its address.
    pub url: RemoteUrl,
    /// What was deleted.
    #[serde(flatten)]
    pub swept: Swept,
    /// Whether nothing was changed.
    pub dry_run: bool,
}

/// Deletes what no branch and no tag of a remote needs any more. Pushes are refused meanwhile.
///
/// # Errors
/// When another process uses the repository, or it cannot be used.
pub fn sweep_remote(pool: &Pool, access: &Access, dry_run: bool) -> Result<RemoteSwept, Error> {
    let swept = access.open(pool)?.sweep(&access.holder, &pool.waiting(), dry_run)?;
    let (remote, url) = (access.remote.name.clone(), access.remote.url.clone());
    Ok(RemoteSwept { remote, url, swept, dry_run })
}
