//! Repositories in a bucket of a store that speaks S3.
//!
//! A request that fails with a status of 5xx, or whose connection breaks, is repeated with growing
//! pauses for [`PATIENCE`]: long enough for a server to start again.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{
    BackoffConfig, ClientOptions, Error, ObjectStore as _, ObjectStoreExt as _, PutMode, PutPayload,
    RetryConfig,
};
use tokio::runtime::Runtime;

use super::credentials::CloudAccess;
use super::http::Connector;
use super::transport::{Object, Transport};
use crate::model::BucketUrl;

/// How long a request is repeated.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often at most.
const TRIES: usize = 1000;
/// Pauses between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Where a store does not say: the name that most stores but Amazon's take.
const REGION: &str = "us-east-1";

/// A part of a bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    store: AmazonS3,
    prefix: Key,
    runtime: Runtime,
}

impl Bucket {
    /// Prepares for the bucket at `url`; sends no request yet.
    pub(super) fn new(url: &BucketUrl, access: &CloudAccess) -> io::Result<Self> {
        let mut builder = AmazonS3Builder::new().with_bucket_name(&url.bucket).with_region(REGION);
        for (key, value) in access.settings()? {
            builder = builder.with_config(key, value);
        }
        if let Some(endpoint) = &url.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let store = builder
            .with_client_options(ClientOptions::new().with_allow_http(true))
            .with_http_connector(Connector::new(access)?)
            .with_retry(RetryConfig {
                backoff: BackoffConfig { init_backoff: FIRST_PAUSE, max_backoff: LONGEST_PAUSE, base: 2. },
                max_retries: TRIES,
                retry_timeout: PATIENCE,
            })
            .build()
            .map_err(failed)?;
        let prefix = Key::parse(&url.prefix).map_err(io::Error::other)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        Ok(Bucket { store, prefix, runtime })
    }

    fn key(&self, key: &str) -> Key {
        key.split('/').filter(|part| !part.is_empty()).fold(self.prefix.clone(), Key::join)
    }
}

impl Transport for Bucket {
    fn put(&self, key: &str, parts: &[&[u8]]) -> io::Result<()> {
        let payload: PutPayload = parts.iter().map(|part| Bytes::copy_from_slice(part)).collect();
        self.runtime.block_on(self.store.put(&self.key(key), payload)).map(drop).map_err(failed)
    }

    fn put_new(&self, key: &str, bytes: &[u8]) -> io::Result<bool> {
        let (key, payload) = (self.key(key), PutPayload::from(bytes.to_vec()));
        let put = self.store.put_opts(&key, payload.clone(), PutMode::Create.into());
        match self.runtime.block_on(put) {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            // A store without conditions: the caller reads back what it wrote.
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
                self.runtime.block_on(self.store.put(&key, payload)).map(|_| true).map_err(failed)
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn get(&self, key: &str) -> io::Result<Option<Vec<u8>>> {
        let key = self.key(key);
        let got = self.runtime.block_on(async { self.store.get(&key).await?.bytes().await });
        match got {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn get_range(&self, key: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let range = offset..offset + length as u64;
        let bytes = self.runtime.block_on(self.store.get_range(&self.key(key), range)).map_err(failed)?;
        if bytes.len() == length { Ok(bytes.into()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Object>> {
        let folder = self.key(folder);
        self.runtime.block_on(async {
            let mut listed = self.store.list((!folder.as_ref().is_empty()).then_some(&folder));
            let mut objects = Vec::new();
            while let Some(found) = listed.next().await {
                let found = match found {
                    // One that another process deletes meanwhile is not there.
                    Err(Error::NotFound { .. }) => continue,
                    found => found.map_err(failed)?,
                };
                objects.push(Object {
                    name: found.location.filename().unwrap_or_default().to_owned(),
                    size: found.size,
                    modified: found.last_modified.timestamp_millis(),
                });
            }
            Ok(objects)
        })
    }

    fn delete(&self, key: &str) -> io::Result<()> {
        match self.runtime.block_on(self.store.delete(&self.key(key))) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

/// Says in one line what a store answered, or why it did not.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(error: Error) -> io::Error {
    let kind = match &error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        _ => io::ErrorKind::Other,
    };
    let mut text = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
    let deepest = std::iter::successors(std::error::Error::source(&error), |error| error.source()).last();
    if let Some(deepest) = deepest.map(ToString::to_string).filter(|deepest| !text.contains(deepest)) {
        text = format!("{text}: {deepest}");
    }
    // Before the dash, the library says which request it was and how often it was repeated.
    let text = match text.split_once(" - ") {
        Some((before, cause)) if before.contains(" retries") => {
            format!("{cause} (repeated for {} s)", PATIENCE.as_secs())
        }
        Some((_, cause)) => cause.to_owned(),
        None => text,
    };
    // Of a page of XML, one sentence is for people.
    let message = text.split_once("<Message>").and_then(|(_, rest)| rest.split_once("</Message>"));
    let text = match (message, text.split_once(": <?xml")) {
        (Some((message, _)), Some((status, _))) => format!("{status}: {message}"),
        _ => text,
    };
    io::Error::new(kind, text.split_whitespace().collect::<Vec<_>>().join(" "))
}
