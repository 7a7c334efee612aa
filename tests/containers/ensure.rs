//! `ensure` with a real database: its state is made once, by one of several callers, and costs a
//! reset from then on.

use support::containers::{Database, Engine, POSTGRES};

#[test]
fn the_state_of_a_database_is_made_once_and_reset_to_from_then_on() {
    let Some(engine) = Engine::shared() else { return };
    let Some(database) = Database::run(engine, POSTGRES, "ensured_pg") else { return };
    let home = engine.pool().with_file_name("ensured");
    std::fs::create_dir(&home).expect("the engine's directory can be written");
    let write = |sql: &str| std::fs::write(home.join("1.sql"), sql).expect("the directory was just made");
    let psql = "docker exec -i ensured_pg psql -q -v ON_ERROR_STOP=1 <1.sql && echo ran >>ran";
    let sh = |line: &str| engine.sh(&format!("cd {} && {line}", home.display()));
    let ensure = |seed: &str| format!("dvol ensure schema ensured_pg --files '*.sql' -- sh -c '{seed}'");
    let runs = || sh("touch ran; wc -l <ran").ok();
    let tables = "select string_agg(relname, ' ' order by relname) from pg_stat_user_tables";

    // A statement fails after another one succeeded: neither is left.
    database.query("create table before ()");
    write("create table item (n int); select nonsense;");
    assert_eq!(sh(&ensure(psql)).code, 3, "psql's exit code");
    database.assert_well("a SEED that failed");
    assert_eq!(database.query(tables), "before");
    assert_eq!(sh("dvol tag -C ensured_pg").ok(), "");

    // Two at once.
    write("create table item (n int); insert into item select generate_series(1, 1000); select pg_sleep(1);");
    let both = format!("{{ {0} >a & {0} >b & wait; cat a b; }}", ensure(psql));
    let said = sh(&both).ok();
    assert!(said.contains("Seeded 'schema-") && said.contains("Found 'schema-"), "{said}");
    assert_eq!(runs(), "1");
    database.assert_well("two at once");

    // Tests leave their traces until the next call.
    database.query("delete from item; create table trace ()");
    assert!(sh(&ensure("false")).ok().starts_with("Found 'schema-"));
    database.assert_well("a reset");
    assert_eq!(database.query(tables), "before item");
    assert_eq!(database.query("select count(*) from item"), "1000");
    assert_eq!(runs(), "1");

    // dvol dies in the middle, and its SEED goes on for a while.
    write("create table other ()");
    let dies = "docker exec -i ensured_pg psql -q <1.sql && kill -9 $PPID; sleep 1";
    assert_ne!(sh(&ensure(dies)).code, 0);
    let said = sh(&ensure(psql)).ok();
    assert!(said.starts_with("Seeded 'schema-"), "{said}");
    database.assert_well("a death");
    assert_eq!(database.query(tables), "before item other");
    sh("dvol fsck ensured_pg").ok();
    database.remove();
}
