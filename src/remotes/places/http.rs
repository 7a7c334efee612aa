//! Requests to stores over HTTP and TLS.
//!
//! The client that `object_store` brings looks names up by the C library, which the static program
//! must not call (`sys::resolve`): this one connects without it. The roots of TLS are those of the
//! system, or the ones built in where the system has none. A proxy is used if the environment names
//! one for HTTPS.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{Stream, unfold};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::Uri;
use hyper::body::{Bytes, Frame, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioIo};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use super::credentials::CloudAccess;
use crate::sys::resolve;

/// How long to wait for a connection, and for the next bytes of an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);
/// The slowest way on which a request still reaches its store before that, in bytes a second.
const SLOWEST: u64 = 64 << 10;

/// A host that no request reaches, however often it is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// Its name has no address.
    #[error("cannot find the address of {0}: no name server knows that name")]
    Name(String),
    /// TLS cannot be spoken with it: it does not prove that it is the host, for one.
    #[error("cannot speak TLS with {host}: {reason}")]
    Tls {
        /// The host.
        host: String,
        /// Why, in words of the library.
        reason: String,
    },
}

impl Unreachable {
    /// Finds out of the causes of an error whether `host` cannot be reached at all.
    fn of(error: &(dyn Error + 'static), host: &str) -> Option<Self> {
        let mut causes = std::iter::successors(Some(error), |cause| (**cause).source());
        causes.find_map(|cause| {
            // An I/O error does not count what it wraps among its causes, and may wrap another.
            let mut wrapped = cause.downcast_ref::<io::Error>()?.get_ref()?;
            while let Some(inner) = wrapped.downcast_ref::<io::Error>() {
                wrapped = inner.get_ref()?;
            }
            if let Some(known) = wrapped.downcast_ref::<Unreachable>() {
                return Some(known.clone());
            }
            let reason = wrapped.downcast_ref::<rustls::Error>()?.to_string();
            Some(Unreachable::Tls { host: host.to_owned(), reason })
        })
    }
}

type Failure = Box<dyn Error + Send + Sync>;
type Boxed<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Makes the client for a store.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    client: Client,
}

impl Connector {
    /// Prepares for TLS and for the proxy that the environment names.
    ///
    /// # Errors
    /// When no version of TLS can be offered.
    pub(in crate::remotes) fn new(access: &CloudAccess) -> io::Result<Self> {
        let mut tcp = TcpConnector::new_with_resolver(Names);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_nodelay(true);
        // TLS comes on top.
        tcp.enforce_http(false);
        let route = Route { tcp, proxies: Arc::new(proxies(access)) };
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(route);
        Ok(Connector { client: Client(legacy::Client::builder(TokioExecutor::new()).build(https)) })
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.client.clone()))
    }
}

#[derive(Debug, Clone)]
struct Client(legacy::Client<HttpsConnector<Route>, HttpRequestBody>);

#[async_trait::async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let sending = Duration::from_secs(request.body().content_length() as u64 / SLOWEST);
        let host = request.uri().host().unwrap_or_default().to_owned();
        let answer = timeout(SILENCE_TIMEOUT + sending, self.0.request(request)).await;
        let answer = answer.map_err(|_| silent())?.map_err(|error| match Unreachable::of(&error, &host) {
            // A kind that the store's client does not repeat.
            Some(unreachable) => HttpError::new(HttpErrorKind::Unknown, unreachable),
            None => failed(error),
        })?;
        Ok(answer.map(|body| HttpResponseBody::new(StreamBody::new(frames(body)))))
    }
}

/// Reads the body of an answer, which must not fall silent.
fn frames(body: Incoming) -> impl Stream<Item = Result<Frame<Bytes>, HttpError>> + Send + Sync {
    unfold(Some(body), async |body| {
        let mut body = body?;
        match timeout(SILENCE_TIMEOUT, body.frame()).await {
            Ok(None) => None,
            Ok(Some(Ok(frame))) => Some((Ok(frame), Some(body))),
            Ok(Some(Err(error))) => Some((Err(failed(error)), None)),
            Err(_) => Some((Err(silent()), None)),
        }
    })
}

fn silent() -> HttpError {
    HttpError::new(
        HttpErrorKind::Timeout,
        io::Error::new(io::ErrorKind::TimedOut, "the store does not answer"),
    )
}

/// Sorts an error by what the store's client may repeat.
fn failed(error: impl Error + Send + Sync + 'static) -> HttpError {
    let mut kind = HttpErrorKind::Unknown;
    let mut at: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(cause) = at {
        if let Some(error) = cause.downcast_ref::<legacy::Error>()
            && error.is_connect()
        {
            kind = HttpErrorKind::Connect;
        } else if let Some(error) = cause.downcast_ref::<hyper::Error>() {
            if error.is_closed() || error.is_incomplete_message() || error.is_body_write_aborted() {
                kind = HttpErrorKind::Request;
            }
        } else if let Some(error) = cause.downcast_ref::<io::Error>() {
            kind = match error.kind() {
                io::ErrorKind::TimedOut => HttpErrorKind::Timeout,
                io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof => HttpErrorKind::Interrupted,
                _ => kind,
            };
        }
        if !matches!(kind, HttpErrorKind::Unknown) {
            break;
        }
        at = cause.source();
    }
    HttpError::new(kind, error)
}

/// Offers TLS with the roots of the system, or those built in.
fn tls() -> io::Result<rustls::ClientConfig> {
    let found = rustls_native_certs::load_native_certs().certs;
    let found = if found.is_empty() { webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec() } else { found };
    let mut roots = rustls::RootCertStore::empty();
    // Systems have a few that no verifier takes.
    roots.add_parsable_certificates(found);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(config.map_err(io::Error::other)?.with_root_certificates(roots).with_no_client_auth())
}

/// Finds the proxies that the environment names, under the names that curl knows.
fn proxies(access: &CloudAccess) -> Matcher {
    let of = |names: [&str; 2]| names.into_iter().find_map(|name| access.get(name)).unwrap_or_default();
    let https = of(["https_proxy", "HTTPS_PROXY"]);
    let https = if https.is_empty() { of(["all_proxy", "ALL_PROXY"]) } else { https };
    Matcher::builder().https(https).no(of(["no_proxy", "NO_PROXY"])).build()
}

/// The way to a store: a connection, or a tunnel through a proxy.
#[derive(Debug, Clone)]
struct Route {
    tcp: TcpConnector<Names>,
    proxies: Arc<Matcher>,
}

impl Service<Uri> for Route {
    type Response = TokioIo<TcpStream>;
    type Error = Failure;
    type Future = Boxed<Self::Response, Failure>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.intercept(&to) else {
            let connecting = self.tcp.call(to);
            return Box::pin(async { Ok(connecting.await?) });
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.tcp.clone());
        if let Some(word) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(word.clone());
        }
        let connecting = tunnel.call(to);
        Box::pin(async { Ok(connecting.await?) })
    }
}

/// Looks up names of hosts by `sys::resolve`.
#[derive(Debug, Clone)]
struct Names;

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Boxed<Self::Response, io::Error>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        // The connection sets the port.
        Box::pin(async move {
            let found = resolve::addresses(name.as_str(), 0).await;
            let found = found.map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => {
                    io::Error::new(error.kind(), Unreachable::Name(name.as_str().to_owned()))
                }
                _ => error,
            });
            Ok(found?.into_iter())
        })
    }
}
