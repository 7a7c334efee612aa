//! How a commit may be named, and what is said when it is not.

use super::harness::Pool;

#[test]
fn an_ambiguous_prefix_lists_its_candidates() {
    let pool = Pool::with_commits(&["one", "two"]);
    let error = pool.fails(1, ["reset", "--hard", "0000"]);
    assert!(error.contains("more than one commit"), "{error}");
    for line in ["the candidates are", " 2024-05-01 - one", " 2024-05-01 - two"] {
        assert!(error.contains(line), "{error}");
    }
}

#[test]
fn what_is_misspelt_is_met_with_what_may_have_been_meant() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["tag", "before-migration"]);
    pool.ok(["checkout", "-b", "experiment"]);
    for (words, meant) in [
        (&["checkout", "mastre"][..], "did you mean 'master'?"),
        (&["reset", "--hard", "experimnt~1"], "did you mean 'experiment'?"),
        (&["reset", "--hard", "before-migratoin"], "did you mean 'before-migration'?"),
        (&["tag", "-d", "befor-migration"], "did you mean 'before-migration'?"),
        (&["branch", "-d", "experimnt"], "did you mean 'experiment'?"),
    ] {
        let error = pool.fails(1, words);
        assert!(error.contains(meant), "{error}");
    }
    pool.ok(["init", "frob_mysql"]);
    assert!(pool.fails(1, ["switch", "frob_msql"]).contains("did you mean 'frob_mysql'?"));
    assert!(pool.fails(2, ["config", "user.nam"]).contains("did you mean 'user.name'"));
    assert!(pool.fails(2, ["comit"]).contains("'commit'"));
}
