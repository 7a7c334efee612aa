//! Tells requests of these pages from others. A page of another site can make a browser send
//! requests here, so each request shows that it comes from these pages; another user of this
//! machine can send any request, so each request shows a secret.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};

use super::fields::{Fields, address};

/// The secrets of one run, which no other process knows.
#[derive(Clone)]
pub struct Secrets {
    /// Opens the pages: in the first address, then in the cookie.
    pub session: String,
    /// Is in each form, and so in each write.
    pub form: String,
}

/// The rules of one server.
pub(super) struct Access {
    secrets: Secrets,
    /// The names by which browsers reach this server.
    hosts: Vec<String>,
    cookie: String,
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A page answers it.
    Pass,
    /// The browser gets the cookie, and asks again at this address.
    Enter { cookie: String, address: String },
    /// Nothing is read or done.
    Refuse(StatusCode, &'static str),
}

/// The field of an address that holds the secret.
const TOKEN: &str = "token";

/// The headers of every answer: nothing but this server's own files is loaded, no other site shows
/// or reads a page, and nothing is kept.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

impl Access {
    /// Makes the rules of a server at `port`; `address` is its address as a URL spells it.
    pub(super) fn new(secrets: Secrets, address: &str, port: u16) -> Self {
        let mut hosts: Vec<String> = [address, "localhost"].map(|name| format!("{name}:{port}")).into();
        if port == 80 {
            hosts.extend([address.to_owned(), "localhost".to_owned()]);
        }
        Access { secrets, hosts, cookie: format!("dvol-{port}") }
    }

    /// Returns the secret that each form holds.
    pub(super) fn form_token(&self) -> &str {
        &self.secrets.form
    }

    /// Returns the query of the first address.
    pub(super) fn first_query(&self) -> String {
        format!("?{TOKEN}={}", self.secrets.session)
    }

    /// Judges a request by all but its body.
    pub(super) fn judge(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Verdict {
        let refuse = |reason| Verdict::Refuse(StatusCode::FORBIDDEN, reason);
        let one = |name: HeaderName| {
            let mut all = headers.get_all(name).iter();
            let first = all.next().map(|value| value.to_str().unwrap_or_default());
            if all.next().is_some() { Some("") } else { first }
        };
        let host = one(header::HOST).unwrap_or_default();
        if !self.hosts.iter().any(|known| known == host) {
            return Verdict::Refuse(StatusCode::MISDIRECTED_REQUEST, "this server has another name");
        }
        let origin = one(header::ORIGIN);
        if origin.is_some_and(|origin| origin != format!("http://{host}")) {
            return refuse("the request comes from another site");
        }
        let is_read = method == Method::GET || method == Method::HEAD;
        if !is_read && method != Method::POST {
            return Verdict::Refuse(StatusCode::METHOD_NOT_ALLOWED, "only GET and POST are served");
        }
        if !is_read {
            let site = one(HeaderName::from_static("sec-fetch-site"));
            if origin.is_none() || site.is_some_and(|site| site != "same-origin") {
                return refuse("the request comes from no page of this server");
            }
        }
        let fields = Fields::parse(uri.query().unwrap_or_default().as_bytes());
        if let Some(token) = fields.get(TOKEN).filter(|_| is_read) {
            if !is_same(token, &self.secrets.session) {
                return refuse("the token is of another run: open the address that dvol ui printed last");
            }
            let cookie = format!("{}={token}; Path=/; HttpOnly; SameSite=Strict", self.cookie);
            return Verdict::Enter { cookie, address: local(uri, &fields) };
        }
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        if !pairs.any(|(name, value)| name == self.cookie && is_same(value, &self.secrets.session)) {
            return refuse("open the address that dvol ui printed: it has a token");
        }
        Verdict::Pass
    }

    /// Returns whether a form has its token.
    pub(super) fn is_own_form(&self, form: &Fields) -> bool {
        is_same(form.text(TOKEN), &self.secrets.form)
    }
}

/// Adds the headers that every answer has.
pub(super) fn protect(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Returns an address without the token; it cannot lead to another server.
fn local(uri: &Uri, fields: &Fields) -> String {
    let path = format!("/{}", uri.path().trim_start_matches(['/', '\\']));
    let rest: Vec<(&str, &str)> = fields.pairs().filter(|(name, _)| *name != TOKEN).collect();
    address(&path, &rest)
}

/// Compares two secrets in a time that does not depend on where they differ.
fn is_same(one: &str, other: &str) -> bool {
    let differ = one.bytes().zip(other.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b));
    one.len() == other.len() && differ == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(method: &Method, address: &str, headers: &[(&'static str, &'static str)]) -> Verdict {
        let secrets = Secrets { session: "s3cret".to_owned(), form: "f0rm".to_owned() };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        Access::new(secrets, "127.0.0.1", 7000).judge(method, &address.parse().unwrap(), &map)
    }

    #[allow(clippy::needless_pass_by_value, reason = "tables read better so")]
    fn status(method: Method, address: &str, headers: &[(&'static str, &'static str)]) -> u16 {
        match verdict(&method, address, headers) {
            Verdict::Pass => 200,
            Verdict::Enter { .. } => 303,
            Verdict::Refuse(status, _) => status.as_u16(),
        }
    }

    #[test]
    fn only_a_request_of_these_pages_passes() {
        let host = ("host", "127.0.0.1:7000");
        let cookie = ("cookie", "a=b; dvol-7000=s3cret");
        let origin = ("origin", "http://127.0.0.1:7000");
        let (get, post) = (|| Method::GET, || Method::POST);
        assert_eq!(status(get(), "/", &[host, cookie]), 200);
        assert_eq!(status(get(), "/", &[("host", "localhost:7000"), cookie]), 200);
        assert_eq!(status(post(), "/", &[host, cookie, origin]), 200);
        assert_eq!(status(post(), "/", &[host, cookie, origin, ("sec-fetch-site", "same-origin")]), 200);
        for host in ["evil.example", "127.0.0.1:7001", "127.0.0.1", "localhost:7000.evil.example", ""] {
            assert_eq!(status(get(), "/", &[("host", host), cookie]), 421, "{host}");
        }
        assert_eq!(status(get(), "/", &[cookie]), 421);
        assert_eq!(status(get(), "/", &[host, host, cookie]), 421);
        for foreign in ["http://evil.example", "null", "https://127.0.0.1:7000", "http://localhost:7000"] {
            assert_eq!(status(get(), "/", &[host, cookie, ("origin", foreign)]), 403, "{foreign}");
            assert_eq!(status(post(), "/", &[host, cookie, ("origin", foreign)]), 403, "{foreign}");
        }
        assert_eq!(status(post(), "/", &[host, cookie]), 403);
        assert_eq!(status(post(), "/", &[host, cookie, origin, ("sec-fetch-site", "cross-site")]), 403);
        assert_eq!(status(get(), "/", &[host]), 403);
        assert_eq!(status(get(), "/", &[host, ("cookie", "dvol-7000=s3cre")]), 403);
        assert_eq!(status(get(), "/", &[host, ("cookie", "dvol-7001=s3cret")]), 403);
        assert_eq!(status(get(), "/?token=wrong", &[host, cookie]), 403);
        assert_eq!(status(post(), "/?token=s3cret", &[host, origin]), 403);
        assert_eq!(status(Method::PUT, "/", &[host, cookie, origin]), 405);
        assert_eq!(status(Method::OPTIONS, "/", &[host, cookie, origin]), 405);
    }

    #[test]
    fn the_first_address_gives_the_cookie_and_leads_nowhere_else() {
        for (address, to) in [
            ("/?token=s3cret", "/"),
            ("/v/db?token=s3cret&page=2", "/v/db?page=2"),
            ("//evil/?token=s3cret", "/evil/"),
        ] {
            let Verdict::Enter { cookie, address } =
                verdict(&Method::GET, address, &[("host", "localhost:7000")])
            else {
                panic!("{address}")
            };
            assert_eq!(cookie, "dvol-7000=s3cret; Path=/; HttpOnly; SameSite=Strict");
            assert_eq!(address, to);
        }
    }
}
