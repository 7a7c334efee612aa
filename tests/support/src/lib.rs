//! What journeys with real containers stand on: an engine of our own with dvol's driver on it,
//! and the containers in it.

mod container;
mod database;
mod engine;
mod podman;
mod process;
mod trace;

pub(crate) use container::{Container, quoted};
pub(crate) use database::{Database, MARIADB, POSTGRES, REDIS, REDIS_IN_MEMORY};
pub(crate) use engine::{Engine, is_installed};
pub(crate) use podman::Podman;
pub(crate) use process::{Outcome, eventually};
pub(crate) use trace::steps;
