//! Holds the rules of deny.toml, from what cargo knows offline: licences, second versions, sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use spdx::{Expression, ParseMode};

#[derive(Deserialize)]
struct Rules {
    graph: Graph,
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    skip: Vec<Skip>,
}

#[derive(Deserialize)]
struct Skip {
    #[serde(rename = "crate")]
    spec: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// None for dvol itself.
    source: Option<String>,
}

fn rules() -> Rules {
    toml::from_str(&fs::read_to_string(root().join("deny.toml")).unwrap()).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Lists the packages that `targets` are built of, tests and build scripts included.
fn packages(targets: &[String]) -> Vec<Package> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--offline", "--locked", "--format-version", "1"]).current_dir(root());
    cargo.args(targets.iter().flat_map(|target| ["--filter-platform", target]));
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let packages = serde_json::from_slice::<Metadata>(&output.stdout).unwrap().packages;
    assert!(packages.len() > 100, "cargo knows of {} packages only", packages.len());
    packages
}

/// Lists the packages that offer no allowed licence, and the allowed licences that no package has.
fn licence_faults(packages: &[Package], allow: &BTreeSet<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for Package { name, version, license, .. } in packages {
        let text = license.as_deref().unwrap_or_default();
        let is_allowed = Expression::parse_mode(text, ParseMode::LAX).is_ok_and(|expression| {
            seen.extend(expression.requirements().map(|required| required.req.to_string()));
            expression.evaluate(|required| allow.contains(&required.to_string()))
        });
        if !is_allowed {
            faults.push(format!("{name} {version} is licensed as {license:?}"));
        }
    }
    faults.extend(allow.difference(&seen).map(|unused| format!("no package is licensed as {unused}")));
    faults
}

/// Lists the crates that come in several versions beyond those skipped, and the idle skips.
fn version_faults(packages: &[Package], skip: &[Skip]) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    let mut faults = Vec::new();
    for Skip { spec } in skip {
        let (name, wanted) = spec.split_once(':').unwrap_or_else(|| panic!("{spec} is not crate:version"));
        let of = versions.entry(name).or_default();
        let before = of.len();
        of.retain(|version| !format!("{version}.").starts_with(&format!("{wanted}.")));
        if before < 2 || of.len() == before {
            faults.push(format!("the skip of {spec} is not needed"));
        }
    }
    let several = versions.iter().filter(|(_, versions)| versions.len() > 1);
    faults
        .extend(several.map(|(name, versions)| format!("{name} comes in versions {}", versions.join(", "))));
    faults
}

/// Lists the packages that come from elsewhere than the registries allowed.
fn source_faults(packages: &[Package], registries: &[String]) -> Vec<String> {
    let is_known = |source: &str| {
        source.strip_prefix("registry+").is_some_and(|url| registries.iter().any(|known| known == url))
    };
    let foreign = packages.iter().filter(|package| package.source.as_deref().is_some_and(|it| !is_known(it)));
    foreign.map(|package| format!("{} comes from {:?}", package.name, package.source)).collect()
}

#[test]
fn dependencies_are_as_deny_toml_allows() {
    let Rules { graph, licenses, bans, sources } = rules();
    let packages = packages(&graph.targets);
    let mut faults = licence_faults(&packages, &licenses.allow);
    faults.extend(version_faults(&packages, &bans.skip));
    faults.extend(source_faults(&packages, &sources.allow_registry));
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn each_rule_finds_what_it_forbids() {
    let Rules { graph, mut licenses, sources, .. } = rules();
    let all = packages(&graph.targets);
    for licence in licenses.allow.clone() {
        licenses.allow.remove(&licence);
        let faults = licence_faults(&all, &licenses.allow);
        // The first two are a choice nearly everywhere, but not everywhere.
        assert!(!faults.is_empty(), "{licence} may be taken off deny.toml: every package offers another");
        licenses.allow.insert(licence);
    }
    licenses.allow.insert("GPL-3.0-only".to_owned());
    assert_eq!(licence_faults(&all, &licenses.allow), ["no package is licensed as GPL-3.0-only"]);

    let package = |name: &str, version: &str, license: Option<&str>, source: &str| Package {
        name: name.to_owned(),
        version: version.to_owned(),
        license: license.map(str::to_owned),
        source: Some(source.to_owned()),
    };
    let skip = |spec: &str| [Skip { spec: spec.to_owned() }];
    let two = ["1.2.0", "10.0.1"].map(|version| package("a", version, Some("MIT"), "git+https://x"));
    assert_eq!(version_faults(&two, &[]), ["a comes in versions 1.2.0, 10.0.1"]);
    assert_eq!(version_faults(&two, &skip("a:1")), [""; 0]);
    assert_eq!(version_faults(&two, &skip("b:1")).len(), 2);
    assert_eq!(version_faults(&two[..1], &skip("a:1")), ["the skip of a:1 is not needed"]);
    assert_eq!(source_faults(&two, &sources.allow_registry).len(), 2);

    let allow = BTreeSet::from(["MIT", "BSD-3-Clause"].map(str::to_owned));
    for (license, is_allowed) in [
        (Some("MIT/Apache-2.0"), true),
        (Some("(GPL-3.0-only OR MIT) AND BSD-3-Clause"), true),
        (Some("MIT AND GPL-3.0-only"), false),
        (Some("no such licence"), false),
        (None, false),
    ] {
        let odd = package("odd", "1.0.0", license, "");
        let said = licence_faults(&[odd], &allow).iter().any(|fault| fault.starts_with("odd"));
        assert_eq!(said, !is_allowed, "{license:?}");
    }
}
