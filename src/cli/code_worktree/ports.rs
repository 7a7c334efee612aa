//! Ports of the host for the services of a compose project.
//!
//! Two projects of one compose file cannot publish one port of the host. A port that the file takes
//! from a variable, such as `"${DB_PORT:-5432}:5432"`, gets a free one in each work tree.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

/// Where to look for ports: below those that the kernel hands out to connections.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// The ports that a compose file publishes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Published {
    /// The variables that say which port.
    pub(super) variables: BTreeSet<String>,
    /// The services with a fixed port, and the port.
    pub(super) fixed: Vec<(String, String)>,
}

/// Finds the variables of the ports that services publish: each is a service and its port as the
/// compose file has it.
pub(super) fn published(ports: &[(String, String)]) -> Published {
    let mut found = Published::default();
    for (service, text) in ports {
        let Some(port) = port_of_host(text) else { continue };
        match variable(port) {
            Some(name) => {
                found.variables.insert(name.to_owned());
            }
            None => found.fixed.push((service.clone(), port.to_owned())),
        }
    }
    found
}

/// Returns the port of the host in `[[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]`.
fn port_of_host(text: &str) -> Option<&str> {
    let mut depth = 0;
    let mut colons: Vec<usize> = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            ':' if depth == 0 => colons.push(at),
            _ => {}
        }
    }
    let end = colons.pop()?;
    let start = colons.pop().map_or(0, |colon| colon + 1);
    Some(&text[start..end]).filter(|port| !port.is_empty())
}

/// Returns the variable in `$NAME` or `${NAME…}`.
fn variable(port: &str) -> Option<&str> {
    let rest = port.split_once('$')?.1;
    let rest = rest.strip_prefix('{').unwrap_or(rest);
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    Some(&rest[..end]).filter(|name| !name.is_empty())
}

/// Gives each variable a free port: the one that it had, else one that depends on the directory, so
/// that two work trees seldom try the same.
pub(super) fn choose(
    variables: &BTreeSet<String>,
    before: &BTreeMap<String, String>,
    directory: &Path,
) -> BTreeMap<String, String> {
    let mut taken: BTreeSet<u16> = BTreeSet::new();
    let mut chosen = BTreeMap::new();
    for name in variables {
        let kept = before.get(name).and_then(|port| port.parse::<u16>().ok());
        let mut hasher = DefaultHasher::new();
        (directory, name).hash(&mut hasher);
        let start = u16::try_from(hasher.finish() % u64::from(COUNT)).unwrap_or(0);
        let candidates = (0..COUNT).map(|step| FIRST + (start + step) % COUNT);
        let free = |port: &u16| !taken.contains(port) && is_free(*port);
        if let Some(port) = kept.or_else(|| candidates.into_iter().find(free)) {
            taken.insert(port);
            chosen.insert(name.clone(), port.to_string());
        }
    }
    chosen
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_of_the_host_is_found_in_every_spelling() {
        for (text, port) in [
            ("8080:80", Some("8080")),
            ("127.0.0.1:8080:80/tcp", Some("8080")),
            ("[::1]:8080:80", Some("8080")),
            ("${PORT:-8080}:80", Some("${PORT:-8080}")),
            ("${BIND:-127.0.0.1}:${PORT}:80", Some("${PORT}")),
            ("127.0.0.1::80", None),
            ("80", None),
        ] {
            assert_eq!(port_of_host(text), port, "{text}");
        }
        let of = |text: &str| published(&[("web".to_owned(), text.to_owned())]);
        assert_eq!(of("${PORT:-8080}:80").variables, BTreeSet::from(["PORT".to_owned()]));
        assert_eq!(of("$PORT:80").variables, BTreeSet::from(["PORT".to_owned()]));
        assert_eq!(of("8080:80").fixed, [("web".to_owned(), "8080".to_owned())]);
    }

    #[test]
    fn a_port_is_free_and_stays() {
        let names = BTreeSet::from(["A".to_owned(), "B".to_owned()]);
        let here = Path::new("/srv/shop");
        let first = choose(&names, &BTreeMap::new(), here);
        assert_eq!(first.len(), 2);
        assert_ne!(first["A"], first["B"]);
        // Its own containers hold it meanwhile.
        let port: u16 = first["A"].parse().unwrap();
        let _listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap();
        assert_eq!(choose(&names, &first, here), first);
        assert_ne!(choose(&names, &BTreeMap::new(), here)["A"], first["A"]);
    }
}
