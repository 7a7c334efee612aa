//! The fields of JSON, verb by verb: only ever added. A name that goes from this list breaks
//! somebody's script.

use super::harness::{Pool, json};

const FIELDS: &[(&[&str], &[&str])] = &[
    (&["list"], &["volume", "branch", "head", "current", "containers"]),
    (&["log"], &["volume", "id", "parent", "message", "author", "date", "code", "branches", "tags", "head"]),
    (
        &["show"],
        &[
            "volume", "id", "parent", "message", "author", "date", "code", "branches", "tags", "head",
            "changes",
        ],
    ),
    (&["status"], &["volume", "branch", "head", "clean", "changes"]),
    (
        &["diff", "HEAD^", "HEAD"],
        &["kind", "path", "old", "new", "xattrs", "binary", "added", "deleted", "patch"],
    ),
    (&["du"], &["volume", "kind", "entries", "logical", "allocated", "unshared"]),
    (&["branch"], &["volume", "branch", "head", "current", "subject"]),
    (&["tag"], &["volume", "tag", "commit", "subject", "created", "tagger", "message"]),
    (
        &["inspect"],
        &[
            "volume",
            "created",
            "mountpoint",
            "working_tree",
            "current",
            "branch",
            "head",
            "branches",
            "tags",
            "commits",
            "options",
            "settings",
            "mounts",
            "containers",
        ],
    ),
    (&["rev-parse", "HEAD"], &["name", "commit"]),
    (&["config"], &["key", "value", "set", "volume"]),
    (&["doctor"], &["subject", "health", "found", "remedy"]),
    (&["export", "--metadata"], &["record"]),
];

#[test]
fn no_field_goes() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["tag", "v1"]);
    for (words, fields) in FIELDS {
        let words = [*words, &["--format", "json"]].concat();
        let objects = json(&pool.ok(&words));
        assert!(!objects.is_empty(), "{words:?} says nothing");
        for object in objects {
            for field in *fields {
                assert!(object.get(field).is_some(), "{words:?} has no {field}: {object}");
            }
        }
    }
}
