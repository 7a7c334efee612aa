//! Carries requests to an engine, at a socket or at a TCP address, in a version of the API that
//! both know.
//!
//! bollard's own connectors ask for no version, which engines mean to refuse one day, and look up
//! names by the C library, which the static program must not do.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderValue};
use hyper::http::uri::Authority;
use hyper::rt::{Read, Write};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::sys::resolve;

/// Docker's port for plain HTTP.
const DEFAULT_PORT: u16 = 2375;
/// How long one address may take to accept.
const CONNECT: Duration = Duration::from_secs(10);
/// The path that every engine answers without a version, with its newest one in a header.
const PING: &str = "/_ping";
/// The header of the newest version that an engine knows.
const NEWEST: &str = "api-version";
/// The name of the engine in requests over a socket, where it matters to no engine.
const SOCKET_HOST: &str = "docker";

/// Where an engine listens.
#[derive(Debug, Clone)]
pub(super) enum Address {
    /// A socket at a path.
    Socket(String),
    /// A host and perhaps a port.
    Tcp(Authority),
}

/// A version of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(usize, usize);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl Version {
    /// The newest version that bollard knows.
    const OURS: Version = Version(API_DEFAULT_VERSION.major_version, API_DEFAULT_VERSION.minor_version);

    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.trim().split_once('.')?;
        Some(Version(major.parse().ok()?, minor.parse().ok()?))
    }
}

/// Makes a client for the engine at `address`. Connects at each call.
pub(super) fn client(address: &Address, seconds: u64) -> Result<Docker, Error> {
    let host = match address {
        Address::Socket(_) => SOCKET_HOST,
        Address::Tcp(authority) => authority.as_str(),
    };
    let base = format!("http://{host}");
    let transport = Arc::new(Transport { address: address.clone(), agreed: Mutex::default() });
    let send = move |request| {
        let transport = Arc::clone(&transport);
        async move { transport.send(request).await }
    };
    Docker::connect_with_custom_transport(send, Some(base), seconds, API_DEFAULT_VERSION)
}

struct Transport {
    address: Address,
    /// The version to ask in, once it is known.
    agreed: Mutex<Option<Version>>,
}

impl Transport {
    async fn send(&self, mut request: BollardRequest) -> Result<Response<Incoming>, Error> {
        let version = self.version().await?;
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let target = match version {
            Some(version) => format!("/v{version}{}", without_version(target)),
            // What answers without a version of its own may be something between us and an engine.
            None => without_version(target).to_owned(),
        };
        *request.uri_mut() = target.parse::<Uri>()?;
        if let Ok(host) = HeaderValue::from_str(self.host()) {
            request.headers_mut().insert(HOST, host);
        }
        let response = self.connect().await?.send_request(request).await?;
        if response.status() == StatusCode::BAD_REQUEST {
            // An engine of another version may have taken the place of the one that was asked.
            *self.agreed.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        Ok(response)
    }

    /// Returns the newest version that the engine and bollard know; asks the engine once. `None` if
    /// it does not say which versions it knows.
    async fn version(&self) -> Result<Option<Version>, Error> {
        if let Some(version) = *self.agreed.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Some(version));
        }
        let ask = Request::get(PING).header(HOST, self.host()).body(String::new())?;
        let response = self.connect().await?.send_request(ask).await?;
        let newest = response.headers().get(NEWEST).and_then(|newest| newest.to_str().ok());
        let agreed = newest.and_then(Version::parse).map(|newest| newest.min(Version::OURS));
        *self.agreed.lock().unwrap_or_else(PoisonError::into_inner) = agreed;
        Ok(agreed)
    }

    fn host(&self) -> &str {
        match &self.address {
            Address::Socket(_) => SOCKET_HOST,
            Address::Tcp(authority) => authority.as_str(),
        }
    }

    async fn connect<B>(&self) -> Result<SendRequest<B>, Error>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        match &self.address {
            Address::Socket(path) => shake_hands(TokioIo::new(UnixStream::connect(path).await?)).await,
            Address::Tcp(authority) => shake_hands(TokioIo::new(connect(authority).await?)).await,
        }
    }
}

async fn shake_hands<S, B>(stream: S) -> Result<SendRequest<B>, Error>
where
    S: Read + Write + Send + Unpin + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (sender, connection) = http1::handshake(stream).await?;
    // Ends with the connection; commands in containers take it over.
    tokio::spawn(connection.with_upgrades());
    Ok(sender)
}

/// Takes a version from the front of a path.
fn without_version(target: &str) -> &str {
    let versioned = target.strip_prefix("/v").and_then(|rest| rest.split_once('/'));
    match versioned {
        Some((version, rest)) if Version::parse(version).is_some() => {
            &target[target.len() - rest.len() - 1..]
        }
        _ => target,
    }
}

async fn connect(authority: &Authority) -> io::Result<TcpStream> {
    let port = authority.port_u16().unwrap_or(DEFAULT_PORT);
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in resolve::addresses(authority.host(), port).await? {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_elapsed) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_in_a_path_is_replaced_and_other_paths_stay() {
        assert_eq!(without_version("/v1.53/containers/json?all=true"), "/containers/json?all=true");
        for other in ["/volumes/v1.53/x", "/volumes", "/v2/x", "/", "/v1.x/y"] {
            assert_eq!(without_version(other), other);
        }
        assert!(Version(1, 9) < Version(1, 41) && Version::parse("1.41") == Some(Version(1, 41)));
        assert_eq!((Version::parse("1"), Version::parse("")), (None, None));
    }
}
