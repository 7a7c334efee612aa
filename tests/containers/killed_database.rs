//! A reset kills a database in the middle of its work: what it puts in place is whole, and so is
//! what its undo brings back. PostgreSQL goes through the same in `databases`.

use support::containers::{Database, Engine, Kind, MARIADB, REDIS, quoted};

/// What a journey says to its database.
struct Words {
    prepare: &'static str,
    /// One transaction of a client: it adds one to two places.
    step: &'static str,
    /// Tells both numbers.
    ask: &'static str,
    /// Succeeds inside the container if its files are whole.
    check: &'static str,
}

/// Returns how many transactions the database holds, each of them whole.
#[track_caller]
fn steps(database: &Database<'_>, words: &Words) -> u64 {
    let said = database.query(words.ask);
    let numbers: Vec<&str> = said.split_whitespace().collect();
    assert_eq!(numbers.len(), 2, "{said}");
    assert_eq!(numbers[0], numbers[1], "a part of a transaction is there");
    numbers[0].parse().expect("a number")
}

fn journey(engine: &Engine, kind: Kind, name: &str, words: &Words) {
    let Some(database) = Database::run(engine, kind, name) else { return };
    database.query(words.prepare);
    let load = format!("while :; do echo {} | {}; done", quoted(words.step), kind.client());
    let load = format!("while :; do docker exec {name} sh -c {} || sleep 0.1; done", quoted(&load));
    let mut clients: Vec<_> = (0..3).map(|_| engine.spawn("bash", &["-c", &load])).collect();
    let more = |than: u64| {
        support::eventually("the clients write", || steps(&database, words) > than + 20);
        steps(&database, words)
    };
    let before = more(0);
    engine.sh(&format!("dvol commit -m loaded {name}")).ok();
    let committed = more(before);
    let copy = database.clone_of("HEAD", &format!("{name}_copy"));
    let held = steps(&copy, words);
    assert!((before..=committed).contains(&held), "{held} of {before} to {committed}");
    copy.remove();

    for round in 0..3 {
        let confirmed = more(committed);
        let said = engine.sh(&format!("dvol -v reset --hard HEAD {name}"));
        assert!(said.stderr.contains(&format!("killed and started: {name}")), "{round}: {said}");
        said.ok();
        assert!(database.answers(), "round {round}: the reset returned too early");
        assert!(steps(&database, words) >= held, "round {round}: not what was committed");
        engine.sh(&format!("dvol undo {name}")).ok();
        assert!(steps(&database, words) >= confirmed, "round {round}: what was confirmed is lost");
    }
    for client in &mut clients {
        let _ = client.kill();
        let _ = client.wait();
    }
    // Without clients: what the last undo brought back, then exactly the commit.
    engine.sh(&format!("docker restart -t 120 {name}")).ok();
    support::eventually("it answers", || database.answers());
    database.exec(words.check).ok();
    engine.sh(&format!("dvol reset --hard HEAD {name}")).ok();
    assert_eq!(steps(&database, words), held);
    database.exec(words.check).ok();
    database.remove();
}

#[test]
fn mariadb_killed_by_a_reset_under_load_is_whole() {
    let Some(engine) = Engine::shared() else { return };
    let words = Words {
        prepare: "create database shop; create table shop.log (id serial, pad char(200)) engine=innodb; \
            create table shop.total (n int) engine=innodb; insert into shop.total values (0)",
        step: "begin; insert into shop.log (pad) values (repeat('x', 200)); update shop.total set n = n + 1; commit",
        ask: "select count(*), (select n from shop.total) from shop.log",
        check: "mariadb-check --check --extended shop",
    };
    journey(engine, MARIADB, "killed_maria", &words);
}

#[test]
fn redis_killed_by_a_reset_under_load_is_whole() {
    let Some(engine) = Engine::shared() else { return };
    let words = Words {
        prepare: "set total 0",
        step: "multi\nrpush log entry\nincr total\nexec",
        ask: "eval \"return redis.call('llen', 'log') .. ' ' .. redis.call('get', 'total')\" 0",
        check: "redis-check-aof /data/appendonlydir/appendonly.aof.manifest",
    };
    journey(engine, REDIS, "killed_redis", &words);
}
