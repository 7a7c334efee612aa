//! What dvol is for: real databases, each by its own user in a directory of mode 0700, through all
//! that their volume goes through.

use support::containers::{
    Database, Engine, Kind, MARIADB, POSTGRES, POSTGRES_18, REDIS, REDIS_IN_MEMORY, quoted,
};

/// What a journey says to its database. Statements are the database's own.
struct Words {
    load: &'static str,
    migrate: &'static str,
    /// Writes one row.
    write: &'static str,
    ruin: &'static str,
    /// Tells the loaded data, and whether they were migrated.
    ask: &'static str,
    loaded: &'static str,
    migrated: &'static str,
}

/// Create, load, commit, break, reset, query; branch, migrate on the branch, check out back and
/// forth.
fn journey(database: &Database<'_>, engine: &Engine, words: &Words) {
    let name = &database.name;
    let dvol = |verb: &str| {
        let said = engine.sh(&format!("dvol {verb} -C {name}")).ok();
        database.assert_well(verb);
        said
    };
    database.query(words.load);
    assert_eq!(database.query(words.ask), words.loaded);
    dvol("commit -m loaded");
    assert_eq!(database.query(words.ask), words.loaded, "a commit changes nothing");

    // What a reset throws away need not be written out. Its undo finds what a killed database
    // leaves.
    database.query(words.ruin);
    let ruined = database.query(words.ask);
    assert_ne!(ruined, words.loaded);
    let said = engine.sh(&format!("dvol -v reset --hard HEAD {name}"));
    assert!(said.stderr.contains(&format!("killed and started: {name}")), "{said}");
    database.assert_well("reset");
    assert_eq!(database.query(words.ask), words.loaded);
    engine.sh(&format!("dvol undo {name}")).ok();
    assert_eq!(database.query(words.ask), ruined, "after the undo of a reset");
    dvol("reset --hard HEAD");
    assert_eq!(database.query(words.ask), words.loaded);

    dvol("checkout -b schema");
    database.query(words.migrate);
    assert_eq!(database.query(words.ask), words.migrated);
    dvol("commit -m migrated");
    // What the server wrote while dvol started and stopped it is not a change.
    dvol("checkout master");
    assert_eq!(database.query(words.ask), words.loaded);
    dvol("checkout schema");
    assert_eq!(database.query(words.ask), words.migrated);
    database.query(words.write);
    let said = engine.sh(&format!("dvol checkout master -C {name}"));
    assert!(said.stderr.contains("uncommitted changes"), "after a write: {said}");
    dvol("commit -m written");
    dvol("checkout master");
    dvol("undo");
    assert_eq!(database.query(words.ask), words.migrated);
}

#[test]
fn postgresql_goes_through_a_journey() {
    for (kind, name) in [(POSTGRES, "journey_pg"), (POSTGRES_18, "journey_pg18")] {
        postgresql_goes_through_a_journey_as(kind, name);
    }
}

fn postgresql_goes_through_a_journey_as(kind: Kind, name: &str) {
    let Some(engine) = Engine::shared() else { return };
    let Some(database) = Database::run(engine, kind, name) else { return };
    let words = Words {
        load: "create table item (id serial primary key, name text); insert into item (name) select 'item ' || n from generate_series(1, 2000) n",
        migrate: "alter table item add price int not null default 7; create index on item (name)",
        write: "create table written (id int); insert into written values (1); checkpoint",
        ruin: "delete from item where id % 2 = 0; drop table item cascade; create table item (id int, name text)",
        ask: "select count(*), max(name), count(*) filter (where to_jsonb(item) ? 'price') from item",
        loaded: "2000|item 999|0",
        migrated: "2000|item 999|2000",
    };
    journey(&database, engine, &words);
    database.remove();
}

#[test]
fn mariadb_goes_through_a_journey() {
    let Some(engine) = Engine::shared() else { return };
    let Some(database) = Database::run(engine, MARIADB, "journey_maria") else { return };
    let words = Words {
        load: "create database shop; create table shop.item (id serial, name text) engine=innodb; \
            insert into shop.item (name) select concat('item ', seq) from seq_1_to_2000",
        migrate: "alter table shop.item add price int not null default 7, algorithm=copy",
        write: "create table shop.written (id int); insert into shop.written values (1)",
        ruin: "drop table shop.item; create table shop.item (id int, name text)",
        ask: "select count(*), max(name) from shop.item; \
            select count(*) from information_schema.columns where table_schema = 'shop' and column_name = 'price'",
        loaded: "2000\titem 999\n0",
        migrated: "2000\titem 999\n1",
    };
    journey(&database, engine, &words);
    database.remove();
}

#[test]
fn redis_goes_through_a_journey() {
    let Some(engine) = Engine::shared() else { return };
    let Some(database) = Database::run(engine, REDIS, "journey_redis") else { return };
    let words = Words {
        load: "eval \"for n = 1, 2000 do redis.call('rpush', 'item', n) end\" 0",
        migrate: "set schema 2",
        write: "set written 1",
        ruin: "flushall",
        ask: "llen item\nexists schema",
        loaded: "2000\n0",
        migrated: "2000\n1",
    };
    journey(&database, engine, &words);
    database.remove();
}

/// A server that is its container's first process takes an orphan that fails for a crash of its
/// own, so this one succeeds. Writers wait while this holds their tables, and what they wrote is in
/// the tables' files. No other way does for `none`: files that are copied one after the other while
/// a client writes to them are of different moments.
const HOLD: &str = "(psql -qc 'begin; lock table pgbench_accounts, pgbench_branches, pgbench_tellers, pgbench_history \
        in exclusive mode; select pg_sleep(60) /* held */'; true) >/dev/null 2>&1 & \
    until [ \"$(psql -qAtc \"select count(*) from pg_locks where granted and mode = 'ExclusiveLock' \
        and relation = 'pgbench_history'::regclass\")\" = 1 ]; do sleep 0.05; done; psql -qc checkpoint";
const LET_GO: &str = "psql -qAtc \"select pg_terminate_backend(pid) from pg_stat_activity \
    where query like '%held%' and pid <> pg_backend_pid()\" | grep -q t";

/// Whatever a transaction of pgbench does, it adds the same sum to each of its tables.
const SUMS: &str = "select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history), \
    (select sum(tbalance) from pgbench_tellers) = (select sum(delta) from pgbench_history), \
    (select sum(bbalance) from pgbench_branches) = (select sum(delta) from pgbench_history)";

#[test]
fn postgresql_under_load_is_committed_whole_in_each_way_of_quiescing() {
    let Some(engine) = Engine::shared() else { return };
    let Some(database) = Database::run(engine, POSTGRES, "loaded_pg") else { return };
    database.exec("pgbench -i -q").ok();
    for (key, command) in [("pre", HOLD), ("post", LET_GO)] {
        engine.sh(&format!("dvol config -C loaded_pg containers.{key}-commit {}", quoted(command))).ok();
    }
    // A stop ends the clients too: new ones come at once.
    let load = "while :; do docker exec loaded_pg pgbench -n -c 4 -t 500 || sleep 0.1; done";
    let mut clients = engine.spawn("bash", &["-c", load]);
    let written = || database.query("select count(*) from pgbench_history").parse::<u64>().expect("a number");

    let mut before = 0;
    for mode in ["stop", "pause", "none", "pause"] {
        support::eventually("the clients write", || written() > before);
        before = written();
        engine.sh("docker exec loaded_pg psql -qc checkpoint").ok();
        let commit = engine.sh(&format!("dvol --quiesce {mode} commit -m {mode} loaded_pg")).ok();

        let copy = database.clone_of(&commit, "loaded_copy");
        assert!(mode == "pause" || mode == "none" || !copy.has_recovered(), "{mode}: not a clean end");
        let count: u64 = copy.query("select count(*) from pgbench_history").parse().expect("a number");
        assert!(count >= before, "{mode}: what was written before the commit is not in it");
        assert_eq!(copy.query(SUMS), "t|t|t", "{mode}");
        copy.exec("pg_amcheck --install-missing --heapallindexed --all").ok();
        copy.remove();
    }
    // A reset kills it in the middle of transactions. What it puts in their place is whole, and so
    // is what its undo brings back, with all that was confirmed.
    support::eventually("the clients write", || written() > before);
    before = written();
    for (verb, least) in [("reset --hard HEAD", 0), ("undo", before)] {
        engine.sh(&format!("dvol {verb} -C loaded_pg")).ok();
        assert!(written() >= least, "{verb}: what was confirmed before the kill is lost");
        assert_eq!(database.query(SUMS), "t|t|t", "{verb}");
        database.exec("pg_amcheck --install-missing --heapallindexed --all").ok();
    }
    let _ = clients.kill();
    let _ = clients.wait();
    database.remove();
}

/// Returns the mode and the command that `dvol help databases` advises for a database.
fn advised(database: &str) -> (String, String) {
    let topic = include_str!("../../src/cli/help/topics/databases.md");
    let line =
        topic.lines().find(|line| line.starts_with(&format!("| {database}"))).expect("it is in the table");
    let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
    (cells[2].to_owned(), cells[3].to_owned())
}

#[test]
fn what_is_advised_for_a_database_makes_commits_that_hold_all_without_a_restart() {
    let Some(engine) = Engine::shared() else { return };
    for (kind, name, load, add, count) in [
        (
            POSTGRES,
            "PostgreSQL",
            "create table item (n int); insert into item select generate_series(1, 500)",
            "insert into item select generate_series(1, 500)",
            "select count(*) from item",
        ),
        (
            MARIADB,
            "MariaDB",
            "create database shop; create table shop.item engine=innodb select seq n from shop.seq_1_to_500",
            "insert into shop.item select seq from shop.seq_1_to_500",
            "select count(*) from shop.item",
        ),
        (
            REDIS_IN_MEMORY,
            "Redis",
            "eval \"for n = 1, 500 do redis.call('rpush', 'item', n) end\" 0",
            "eval \"for n = 1, 500 do redis.call('rpush', 'item', n) end\" 0",
            "llen item",
        ),
    ] {
        let volume = format!("advised_{}", kind.image);
        let Some(database) = Database::run(engine, kind, &volume) else { return };
        let (way, command) = advised(name);
        engine.sh(&format!("dvol config -C {volume} containers.quiesce {way}")).ok();
        engine.sh(&format!("dvol config -C {volume} containers.pre-commit {}", quoted(&command))).ok();
        let started = || engine.sh(&format!("docker inspect -f '{{{{.State.StartedAt}}}}' {volume}")).ok();
        let before = started();
        database.query(load);
        for rows in ["500", "1000"] {
            assert_eq!(database.query(count), rows, "{name}");
            let commit = engine.sh(&format!("dvol commit -m {rows} {volume}")).ok();
            let copy = database.clone_of(&commit, &format!("{volume}_copy"));
            assert_eq!(copy.query(count), rows, "{name}: its commit does not hold all");
            copy.remove();
            database.query(add);
        }
        assert_eq!(started(), before, "{name} was restarted");
        // An engine calls what was paused unhealthy; it is waited for all the same. What the
        // database holds only in memory comes back as well.
        for run in 1..3 {
            engine.sh(&format!("dvol run --rollback {volume} -- true")).ok();
            assert!(database.answers(), "{name}: run {run} returned too early");
        }
        assert_eq!(database.query(count), "1500", "{name}");
        database.remove();
    }
}
