//! Finds the addresses of a host's name, without the C library.
//!
//! The static program must not call `getaddrinfo`: it would load the modules that
//! `/etc/nsswitch.conf` names, built for another C library, and crash. So names come from
//! `/etc/hosts` and from the name servers of `/etc/resolv.conf` alone, and `localhost` is always
//! this machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;

/// Lists the addresses of `host`, which may be an address itself, at `port`. Runs inside a tokio
/// runtime.
///
/// # Errors
/// Of kind `NotFound` when the name has no address; of another when no name server answers.
pub async fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let found = match literal(host) {
        Some(known) => known,
        None => look_up(host).await?,
    };
    Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
}

/// Answers what needs no file and no server.
fn literal(host: &str) -> Option<Vec<IpAddr>> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse() {
        return Some(vec![address]);
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let is_local = name == "localhost" || name.ends_with(".localhost");
    is_local.then(|| vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
}

async fn look_up(host: &str) -> io::Result<Vec<IpAddr>> {
    let provider = TokioRuntimeProvider::default;
    // Without a configuration, /etc/hosts may still have the name.
    let builder = TokioResolver::builder(provider());
    let mut builder =
        builder.unwrap_or_else(|_| TokioResolver::builder_with_config(ResolverConfig::default(), provider()));
    let options = builder.options_mut();
    options.use_hosts_file = ResolveHosts::Always;
    options.os_port_selection = true;
    let resolver = builder.build().map_err(|error| unknown(host, &error))?;
    let found = resolver.lookup_ip(host).await.map_err(|error| unknown(host, &error))?;
    Ok(found.iter().collect())
}

fn unknown(host: &str, cause: &NetError) -> io::Error {
    // Only a name server's answer says that another try is in vain.
    let kind = if cause.is_no_records_found() { io::ErrorKind::NotFound } else { io::ErrorKind::Other };
    io::Error::new(kind, format!("cannot find the address of {host}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(host: &str) -> io::Result<Vec<String>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let addresses = runtime.block_on(addresses(host, 2375))?;
        Ok(addresses.iter().map(SocketAddr::to_string).collect())
    }

    #[test]
    fn addresses_and_localhost_need_no_server() {
        assert_eq!(found("192.0.2.7").unwrap(), ["192.0.2.7:2375"]);
        assert_eq!(found("::1").unwrap(), ["[::1]:2375"]);
        assert_eq!(found("[::1]").unwrap(), ["[::1]:2375"]);
        for name in ["localhost", "LocalHost.", "engine.localhost"] {
            assert_eq!(found(name).unwrap(), ["127.0.0.1:2375", "[::1]:2375"], "{name}");
        }
    }

    #[test]
    fn a_name_without_an_address_is_named_in_the_error() {
        let error = found("nosuch.invalid").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let error = error.to_string();
        assert!(error.starts_with("cannot find the address of nosuch.invalid: "), "{error}");
    }
}
