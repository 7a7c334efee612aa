//! Engines at a TCP address.
//!
//! bollard's own connector resolves names by the C library, which the static program must not do.

use std::io;
use std::time::Duration;

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::sys::resolve;

/// Docker's port for plain HTTP.
const DEFAULT_PORT: u16 = 2375;
/// How long one address may take to accept.
const CONNECT: Duration = Duration::from_secs(10);

/// Makes a client for `address`, `HOST[:PORT]`. Connects at each call.
pub(super) fn client(address: &str, seconds: u64) -> Result<Docker, Error> {
    let authority: Authority = address.trim_end_matches('/').parse()?;
    let base = format!("http://{authority}");
    let send = move |request| send(authority.clone(), request);
    Docker::connect_with_custom_transport(send, Some(base), seconds, API_DEFAULT_VERSION)
}

async fn send(authority: Authority, mut request: BollardRequest) -> Result<Response<Incoming>, Error> {
    let stream = connect(&authority).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the connection; commands in containers take it over.
    tokio::spawn(connection.with_upgrades());
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    *request.uri_mut() = target.parse::<Uri>()?;
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        request.headers_mut().insert(HOST, host);
    }
    Ok(sender.send_request(request).await?)
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
