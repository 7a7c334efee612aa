//! The fields of JSON, verb by verb: only ever added. A name that goes from this list breaks
//! a user's script.

use crate::harness::{Pool, json_lines};

const FIELDS: &[(&[&str], &[&str])] = &[
    (&["list"], &["volume", "branch", "head", "current", "containers"]),
    (&["log"], &["volume", "id", "parent", "message", "author", "date", "code", "branches", "tags", "head"]),
    (
        &["show"],
        &[
            "volume", "id", "parent", "message", "author", "date", "code", "made_on", "branches", "tags",
            "head", "changes",
        ],
    ),
    (&["status"], &["volume", "branch", "head", "clean", "changes", "max_size", "allocated"]),
    (
        &["diff", "HEAD^", "HEAD"],
        &["volume", "kind", "path", "old", "new", "xattrs", "binary", "added", "deleted", "patch"],
    ),
    (&["du"], &["volume", "kind", "entries", "logical", "allocated", "unshared"]),
    (&["reflog"], &["volume", "operation", "verb", "summary", "date", "before", "after", "head"]),
    (&["gc", "-n"], &["operations", "bytes", "kept", "kept_bytes", "dry_run", "failed", "left"]),
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
            "max_size",
            "allocated",
        ],
    ),
    (&["rev-parse", "HEAD"], &["name", "commit"]),
    (&["config"], &["key", "value", "set", "volume"]),
    (&["doctor"], &["subject", "health", "found", "remedy"]),
    (
        &["pool", "info"],
        &["pool", "file_system", "shares_blocks", "size_bytes", "free_bytes", "image", "kept"],
    ),
    (&["export", "--metadata"], &["record"]),
];

/// What acting verbs say they did, in the order in which they can be done.
const ACTS: &[(&[&str], &[&str])] = &[
    (&["init", "other"], &["volume", "branch"]),
    (
        &["commit", "-C", "db", "-m", "three"],
        &["volume", "branch", "id", "parent", "containers", "copied", "quiesced", "downtime_ms"],
    ),
    (&["commit", "-C", "db", "--amend", "-m", "drei"], &["volume", "branch", "id", "was"]),
    (&["tag", "-C", "db", "v2"], &["volume", "tag", "commit", "was", "dropped"]),
    (
        &["ensure", "-C", "db", "v2", "--format", "json", "--", "true"],
        &[
            "volume",
            "branch",
            "tag",
            "commit",
            "found",
            "reset",
            "seconds",
            "dropped",
            "copied",
            "quiesced",
            "containers",
            "downtime_ms",
            "ready_ms",
            "problems",
        ],
    ),
    (&["tag", "-C", "db", "-d", "v2"], &["volume", "tag", "commit", "dropped"]),
    (&["branch", "-C", "db", "side"], &["volume", "branch", "head"]),
    (&["branch", "-C", "db", "-m", "side", "aside"], &["volume", "from", "branch"]),
    (&["branch", "-C", "db", "-d", "aside"], &["volume", "branch", "head", "dropped"]),
    (
        &["checkout", "-C", "db", "-b", "new"],
        &["volume", "from", "branch", "head", "created", "replaced", "dropped", "containers"],
    ),
    (
        &["reset", "-C", "db", "--hard", "HEAD^"],
        &[
            "volume",
            "branch",
            "from",
            "to",
            "message",
            "dropped",
            "containers",
            "copied",
            "quiesced",
            "downtime_ms",
        ],
    ),
    (
        &["undo", "db"],
        &["volume", "operation", "summary", "head", "branch", "subject", "next", "redone", "containers"],
    ),
    (&["redo", "db"], &["volume", "operation", "summary", "head", "next", "redone", "containers"]),
    (&["clone", "db:v1", "copy"], &["volume", "branch", "id", "source", "source_id"]),
    (&["rename", "copy", "renamed"], &["volume", "from"]),
    (&["export", "db", "db.tar"], &["volume", "id", "entries", "bytes", "left_out"]),
    (
        &["import", "db.tar", "read"],
        &["volume", "branch", "id", "entries", "bytes", "left_out", "containers"],
    ),
    (&["rm", "-f", "read"], &["volume", "kept"]),
    (&["gc"], &["operations", "bytes", "kept", "kept_bytes", "dry_run", "failed", "left"]),
];

#[test]
fn no_field_of_json_goes_away() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["tag", "v1"]);
    let look = |words: &[&str], fields: &[&str], code| {
        let words = [words, &["--format", "json"]].concat();
        let said = pool.run(&words);
        assert_eq!(said.code, code, "{said:?}");
        let objects = json_lines(&said.out);
        assert!(!objects.is_empty(), "{words:?} says nothing");
        for object in &objects {
            for field in fields {
                assert!(object.get(field).is_some(), "{words:?} has no {field}: {object}");
            }
        }
        objects
    };
    for (words, fields) in FIELDS {
        look(words, fields, 0);
    }
    for (words, fields) in ACTS {
        look(words, fields, 0);
    }
    // All metadata: each kind of record is there, with what it takes to make it again.
    pool.ok(["config", "user.name", "Ada"]);
    let records = look(&["export", "--metadata"], &["record"], 0);
    for (record, fields) in [
        ("pool", &["format", "made_by", "made", "current_volume"][..]),
        ("setting", &["volume", "key", "value"]),
        ("volume", &["name", "created", "branch", "options"]),
        ("branch", &["volume", "name", "head", "created"]),
        ("commit", &["volume", "id", "parent", "message", "author", "date", "code"]),
        ("tag", &["volume", "name", "commit", "message", "tagger", "created"]),
    ] {
        let row = records.iter().find(|row| row["record"] == record);
        let row = row.unwrap_or_else(|| panic!("there is no record of a {record}"));
        for field in fields {
            assert!(row.get(field).is_some(), "a {record} has no {field}: {row}");
        }
    }
    // A commit's tree is gone: fsck has something to tell.
    let id = pool.ok(["rev-parse", "-C", "db", "v1"]);
    let tree = pool.root().join("db/commits").join(id.trim());
    std::fs::rename(&tree, tree.with_extension("away")).unwrap();
    look(&["fsck"], &["severity", "volume", "subject", "what", "remedy"], 4);
}
