//! Repositories in a bucket of a store that speaks S3.
//!
//! A request that fails with a status of 5xx, or whose connection breaks, is repeated with growing
//! pauses for [`PATIENCE`]: long enough for a server to start again. The store's client repeats
//! what gets no answer; an answer that breaks off is asked for again here. A host without an
//! address or a valid certificate is [`Unreachable`] at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::HttpError;
use object_store::path::Path as Key;
use object_store::{
    BackoffConfig, ClientOptions, Error, ObjectStore as _, ObjectStoreExt as _, PutMode, PutPayload,
    RetryConfig,
};
use tokio::runtime::Runtime;
use tokio::time::sleep;

use super::credentials::CloudAccess;
use super::http::{Connector, Unreachable};
use super::transport::{Object, Transport, refuse_large, unless};
use crate::model::BucketUrl;

/// How long a request is repeated.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often at most.
const TRIES: usize = 1000;
/// Pauses between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How many causes of an error are looked at.
const MAX_CAUSES: usize = 16;
/// Where a store does not say: the name that most stores but Amazon's take.
const REGION: &str = "us-east-1";

/// A part of a bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    store: AmazonS3,
    prefix: Key,
    runtime: Runtime,
    interrupted: Arc<AtomicBool>,
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
        Ok(Bucket { store, prefix, runtime, interrupted: access.interrupted() })
    }

    /// Makes a call. Makes it again if its answer breaks off: every call here can be repeated.
    fn call<T>(&self, call: &impl AsyncFn(&AmazonS3) -> object_store::Result<T>) -> object_store::Result<T> {
        let repeated = async {
            let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
            loop {
                match call(&self.store).await {
                    Err(error) if is_broken_off(&error) && begun.elapsed() < PATIENCE => {
                        sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                    ended => return Ok(ended),
                }
            }
        };
        let ended = self.runtime.block_on(unless(&self.interrupted, repeated));
        ended.unwrap_or_else(|source| Err(Error::Generic { store: "S3", source: Box::new(source) }))
    }

    fn key(&self, key: &str) -> Key {
        key.split('/').filter(|part| !part.is_empty()).fold(self.prefix.clone(), Key::join)
    }
}

impl Transport for Bucket {
    fn put(&self, key: &str, parts: &[Bytes]) -> io::Result<()> {
        let payload: PutPayload = parts.iter().cloned().collect();
        let key = self.key(key);
        self.call(&async |store| store.put(&key, payload.clone()).await).map(drop).map_err(failed)
    }

    fn put_new(&self, key: &str, bytes: &[u8]) -> io::Result<bool> {
        let (key, payload) = (self.key(key), PutPayload::from(bytes.to_vec()));
        let put =
            async |store: &AmazonS3| store.put_opts(&key, payload.clone(), PutMode::Create.into()).await;
        match self.call(&put) {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            // A store without conditions: the caller reads back what it wrote.
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
                let put = async |store: &AmazonS3| store.put(&key, payload.clone()).await;
                self.call(&put).map(|_| true).map_err(failed)
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn get(&self, key: &str) -> io::Result<Option<Vec<u8>>> {
        let key = self.key(key);
        let got = self.call(&async |store| {
            let found = store.get(&key).await?;
            match refuse_large(found.meta.size) {
                Ok(()) => Ok(Ok(found.bytes().await?)),
                Err(refused) => Ok(Err(refused)),
            }
        });
        match got {
            Ok(bytes) => Ok(Some(bytes?.into())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn get_range(&self, key: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let range = offset..offset + length as u64;
        let key = self.key(key);
        let bytes = self.call(&async |store| store.get_range(&key, range.clone()).await).map_err(failed)?;
        if bytes.len() == length { Ok(bytes.into()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Object>> {
        let folder = self.key(folder);
        let listed = self.call(&async |store| {
            let mut listed = store.list((!folder.as_ref().is_empty()).then_some(&folder));
            let mut objects = Vec::new();
            while let Some(found) = listed.next().await {
                let found = match found {
                    // One that another process deletes meanwhile is not there.
                    Err(Error::NotFound { .. }) => continue,
                    found => found?,
                };
                objects.push(Object {
                    name: found.location.filename().unwrap_or_default().to_owned(),
                    size: found.size,
                    modified: found.last_modified.timestamp_millis(),
                });
            }
            Ok(objects)
        });
        listed.map_err(failed)
    }

    fn delete(&self, key: &str) -> io::Result<()> {
        let key = self.key(key);
        match self.call(&async |store| store.delete(&key).await) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

/// Returns whether a store began to answer and then broke off or fell silent. What the store's
/// client gave up after all its tries is none of these.
fn is_broken_off(error: &Error) -> bool {
    causes(error).any(<dyn std::error::Error>::is::<HttpError>)
        && unreachable(error).is_none()
        && !is_repeated(&error.to_string())
}

fn causes(error: &Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(error), |error| error.source()).take(MAX_CAUSES)
}

/// Returns why the host cannot be reached at all.
fn unreachable(error: &Error) -> Option<&Unreachable> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// Returns whether an error is one that the store's client gives up with.
fn is_repeated(text: &str) -> bool {
    text.contains(" retries")
}

/// Says in one line what a store answered, or why it did not.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(error: Error) -> io::Error {
    if let Some(unreachable) = unreachable(&error) {
        return io::Error::new(io::ErrorKind::HostUnreachable, unreachable.clone());
    }
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
    io::Error::new(kind, in_words(&text, is_broken_off(&error)))
}

/// Takes from a message of the store's client what is for people.
fn in_words(text: &str, is_broken_off: bool) -> String {
    // Before the dash, it says which request it was and how often it was repeated.
    let (cause, was_repeated) = match text.split_once(" - ") {
        Some((before, cause)) => (cause, is_repeated(before)),
        None => (text, is_broken_off),
    };
    // Of a page of XML, one sentence is for people.
    let message = cause.split_once("<Message>").and_then(|(_, rest)| rest.split_once("</Message>"));
    let text = match (message, cause.split_once(": <?xml")) {
        (Some((message, _)), Some((status, _))) => format!("{status}: {message}"),
        _ => cause.to_owned(),
    };
    let status = "Server returned non-2xx status code: ";
    let text = text.replace(status, "the store answers ");
    let entities = [("&quot;", "\""), ("&apos;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    let text = entities.iter().fold(text, |text, (entity, sign)| text.replace(entity, sign));
    let words = text.split_whitespace().map(str::to_owned);
    words.chain(was_repeated.then(repeated)).collect::<Vec<_>>().join(" ")
}

fn repeated() -> String {
    format!("(repeated for {} s)", PATIENCE.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_store_answers_is_said_in_its_words_and_how_long_it_was_asked() {
        let request = "Error performing GET http://h/b/config in 30.1s, after 12 retries, max_retries: 1000, \
            retry_timeout: 30s ";
        let xml = "<?xml version=\"1.0\"?>\n<Error><Code>x</Code><Message>no quorum: \
            [&quot;a &amp; b&quot;]</Message></Error>";
        let text = format!("{request} - Server returned non-2xx status code: 503 Service Unavailable: {xml}");
        let said = "the store answers 503 Service Unavailable: no quorum: [\"a & b\"] (repeated for 30 s)";
        assert_eq!(in_words(&text, false), said);
        assert_eq!(in_words("GET in 1s - Connection refused", false), "Connection refused");
        assert_eq!(in_words("the answer\nbroke off", true), "the answer broke off (repeated for 30 s)");
    }
}
