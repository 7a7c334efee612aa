//! Whom the page refuses, by raw HTTP: other sites in the same browser, other users of the machine,
//! and what hostile containers can put into a volume.

use std::os::unix::fs::symlink;

use super::open;
use crate::harness::Pool;

const SCRIPT: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";

/// What a request is, its method, address, headers and body, and the status that it must get.
type Attack<'a> = (&'a str, &'a str, &'a str, Vec<(&'a str, &'a str)>, String, u16);

#[test]
fn requests_that_come_from_elsewhere_are_refused_and_change_nothing() {
    let pool = Pool::with_commits(&["one", "two"]);
    let page = open(&pool);
    let (host, origin, token) = (page.host.as_str(), page.origin(), page.token());
    let (cookie, port) = (page.cookie(), host.rsplit(':').next().unwrap());
    let reset = format!("token={token}&volume=db&revision=HEAD~1");
    let foreign_name = format!("evil.example:{port}");
    let other_port = "127.0.0.1:1";
    let head = pool.ids("db")[0].clone();

    let own = [("Host", host), ("Cookie", cookie), ("Origin", &*origin)];
    let with = |name: &'static str, value: &'static str| {
        let mut headers = own.to_vec();
        headers.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            headers.push((name, value));
        }
        headers
    };
    let foreign: &'static str = foreign_name.leak();
    let table: Vec<Attack<'_>> = vec![
        ("wrong Host", "GET", "/", with("Host", foreign), String::new(), 421),
        ("Host of another port", "GET", "/", with("Host", other_port), String::new(), 421),
        ("no Host", "GET", "/", with("Host", ""), String::new(), 421),
        ("wrong Host, write", "POST", "/do/reset", with("Host", foreign), reset.clone(), 421),
        ("foreign Origin, read", "GET", "/", with("Origin", "http://evil.example"), String::new(), 403),
        ("foreign Origin", "POST", "/do/reset", with("Origin", "http://evil.example"), reset.clone(), 403),
        ("Origin null", "POST", "/do/reset", with("Origin", "null"), reset.clone(), 403),
        ("no Origin", "POST", "/do/reset", with("Origin", ""), reset.clone(), 403),
        ("no cookie", "GET", "/", with("Cookie", ""), String::new(), 403),
        ("no cookie, write", "POST", "/do/reset", with("Cookie", ""), reset.clone(), 403),
        ("wrong cookie", "GET", "/v/db", with("Cookie", "dvol-1=0; a=b"), String::new(), 403),
        ("wrong first token", "GET", "/?token=0123", with("Cookie", ""), String::new(), 403),
        ("no form token", "POST", "/do/reset", own.to_vec(), reset.replace(&*token, ""), 403),
        (
            "form token in the address",
            "POST",
            &*format!("/do/reset?{reset}").leak(),
            own.to_vec(),
            String::new(),
            403,
        ),
        ("GET for a write", "GET", "/measure", own.to_vec(), String::new(), 405),
        ("GET for an answer", "GET", "/jobs/1/answer?answer=yes", own.to_vec(), String::new(), 405),
        ("PUT", "PUT", "/do/reset", own.to_vec(), reset.clone(), 405),
        ("preflight", "OPTIONS", "/do/reset", own.to_vec(), String::new(), 405),
        ("events without a cookie", "GET", "/events", with("Cookie", ""), String::new(), 403),
    ];
    for (what, method, path, headers, body, status) in table {
        let reply = page.raw(method, path, &headers, &body);
        assert_eq!(reply.status, status, "{what}: {reply:?}");
        assert!(!reply.head.contains("access-control-"), "{what}: {reply:?}");
        assert!(!reply.body.contains(&token) && !reply.body.contains("db"), "{what}: {reply:?}");
    }
    // A GET of a form shows it and runs nothing.
    let form = page.raw("GET", &format!("/do/reset?{reset}"), &own, "");
    assert_eq!(form.status, 403, "a token in an address is the first one: {form:?}");
    assert_eq!(page.get("/do/reset?volume=db&revision=HEAD~1").status, 200);
    assert_eq!(pool.ids("db")[0], head, "a refused request changed the volume");
    assert!(super::text(&page.get("/jobs").body).contains("no command yet"));
    // The same write passes with all that is asked for.
    assert_eq!(page.raw("POST", "/do/reset", &own, &reset).status, 303);
    page.settled("/jobs/1");
    assert_ne!(pool.ids("db")[0], head);
}

#[test]
fn every_answer_forbids_foreign_content_and_frames() {
    let pool = Pool::with_volume();
    let page = open(&pool);
    for path in ["/", "/v/db", "/v/none", "/pool", "/script.js", "/style.css", "/nowhere", "/jobs/9"] {
        let reply = page.get(path);
        let policy = reply.header("content-security-policy").unwrap_or_default();
        for rule in
            ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'self'"]
        {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
        // So nothing may need what the policy forbids.
        assert!(
            !reply.body.contains(" style=")
                && !reply.body.contains("<style")
                && !reply.body.contains("onclick")
        );
    }
    let entered = page.raw("GET", &page.first[page.first.find("/?").unwrap()..], &[("Host", &page.host)], "");
    let cookie = entered.header("set-cookie").unwrap();
    assert!(cookie.contains("httponly") && cookie.contains("samesite=strict"), "{cookie}");
    assert_eq!(entered.header("location"), Some("/"));
}

#[test]
fn text_of_unknown_origin_stays_text() {
    let pool = Pool::with_volume();
    let name = SCRIPT.replace('/', "_");
    pool.write("db", &name, SCRIPT);
    pool.ok(["commit", "-C", "db", "-m", SCRIPT, "--author", "\"&Eve's; <eve@example.org>"]);
    pool.write("db", &name, &format!("{SCRIPT}\n{SCRIPT}"));
    pool.write("db", "new\u{202e}\u{1b}[31m<i>", "x");
    let id = pool.ids("db")[0].clone();
    let page = open(&pool);
    let encoded: String = name.bytes().map(|byte| format!("%25{byte:02X}")).collect();
    for path in [
        "/".to_owned(),
        "/?q=%3Cscript%3Ealert(1)%3C/script%3E%22%27%3E".to_owned(),
        "/v/db".to_owned(),
        "/v/db?branch=%3Cscript%3E".to_owned(),
        "/v/db/status".to_owned(),
        "/v/db/changes".to_owned(),
        format!("/v/db/c/{id}"),
        format!("/v/db/c/{id}/changes"),
        format!("/v/db/c/{id}/files"),
        format!("/v/db/c/{id}/files?path={encoded}"),
        "/v/%3Cscript%3E".to_owned(),
        "/v/db/c/%3Cscript%3E".to_owned(),
        "/operations".to_owned(),
        "/operations?volume=db".to_owned(),
        "/do/restore?volume=%3Cscript%3Ealert(1)&revision=%22%3E%3Cimg%20src=x&path=%253Cscript%253E"
            .to_owned(),
        "/do/%3Cscript%3E".to_owned(),
        "/line/commit?volume=db&message=%3Cscript%3E".to_owned(),
    ] {
        let reply = page.get(&path);
        let is_text = reply.header("content-type") == Some("text/plain; charset=utf-8");
        let lower = reply.body.to_lowercase();
        // The only script is the page's own.
        let scripts = lower.matches("<script").count();
        assert!(
            is_text || scripts == 1 && lower.contains("<script src=\"/script.js\""),
            "{path}: {}",
            reply.body
        );
        for tag in ["<img src=x", "\"&eve", "<i>", "\u{202e}", "\u{1b}"] {
            assert!(is_text || !lower.contains(tag), "{path}: {tag}: {}", reply.body);
        }
    }
    // Names that are no names are refused, and shown as text.
    let refused = page.post("/do/branch", "volume=db&name=%3Cscript%3E&revision=HEAD&switch=1");
    assert_eq!(refused.status, 422);
    assert!(!refused.body.contains("name=\"name\" value=\"<") && refused.body.contains("&lt;script&gt;"));
    let failed = page.act("commit", "volume=db&message=%3Cscript%3Ealert(2)%3C/script%3E");
    assert!(
        !failed.body.contains("<script>") && failed.body.contains("&lt;script&gt;alert(2)"),
        "{failed:?}"
    );
}

#[test]
fn no_path_leads_out_of_a_commit() {
    let pool = Pool::with_volume();
    std::fs::write(pool.dir().join("secret"), "outside").unwrap();
    let tree = pool.root().join("db/running_point");
    symlink(pool.dir(), tree.join("out")).unwrap();
    symlink("/", tree.join("root")).unwrap();
    pool.write("db", "inside", "inside\n");
    pool.ok(["commit", "-C", "db", "-m", "links"]);
    let id = pool.ids("db")[0].clone();
    let page = open(&pool);
    for path in [
        "../../../../secret",
        "%252e%252e/%252e%252e/%252e%252e/%252e%252e/secret",
        "..%2F..%2F..%2F..%2Fsecret",
        "out/secret",
        "root/etc/passwd",
        "/etc/passwd",
        "inside/../../../../../secret",
        "inside%2500",
    ] {
        for what in ["files", "download"] {
            let reply = page.get(&format!("/v/db/c/{id}/{what}?path={path}"));
            assert_eq!(reply.status, 404, "{what} {path}: {reply:?}");
            assert!(
                !reply.body.contains("outside") && !reply.body.contains("root:x"),
                "{what} {path}: {reply:?}"
            );
        }
    }
    for path in [
        "/v/..",
        "/v/../../etc/passwd",
        "/v/%2e%2e%2fdb",
        "/v/db/c/../../../secret",
        "/v/.dvol",
        "/style.css/../x",
    ] {
        let reply = page.get(path);
        assert!(reply.status == 404, "{path}: {reply:?}");
    }
    let file = page.get(&format!("/v/db/c/{id}/download?path=inside"));
    assert!(file.status == 200 && file.body.contains("inside"), "{file:?}");
    assert_eq!(file.header("content-disposition"), Some("attachment; filename*=utf-8''inside"));
    assert_eq!(file.header("content-type"), Some("application/octet-stream"));
    // A link itself has no content to save, and its target is shown as text.
    assert_eq!(page.get(&format!("/v/db/c/{id}/download?path=out")).status, 404);
}

#[test]
fn only_loopback_is_listened_on() {
    let pool = Pool::with_volume();
    for address in ["0.0.0.0", "::", "192.0.2.1"] {
        let said = pool.fails(1, ["ui", "--no-open", "--address", address], "only this machine may reach it");
        assert!(said.contains("ssh -L"), "{said}");
    }
    let page = open(&pool);
    assert!(page.host.starts_with("127.0.0.1:"));
}
