//! Journeys with real containers: what a person with a database in Docker goes through.
//!
//! Each file is one journey. They share an engine and a driver (tests/support) and use volumes and
//! containers of names of their own. Where there is no root or no dockerd each says so and passes,
//! except on CI (`CI=true`), where that is a failure.

#![allow(clippy::disallowed_methods, reason = "a test stands outside the program and its doors")]

mod as_specified;
mod auto_remove;
mod commit;
mod compose;
mod databases;
mod difference;
mod docker_plugin;
mod driver_restart;
mod elsewhere;
mod ensure;
mod examples;
mod failure;
mod gate;
mod git_worktrees;
mod image;
mod import;
mod installed;
mod interrupted;
mod killed_command;
mod killed_database;
mod no_engine;
mod order;
mod outsiders;
mod page;
mod paused;
mod podman;
mod pool_missing;
mod quiesce;
mod restart;
mod rm;
mod rootless;
mod shared_database;
mod sharers;
mod slow_stop;
mod static_names;
mod stress;
mod unquiesced;
mod user_namespaces;
mod volumes;
mod walkthrough;
mod worktrees;
