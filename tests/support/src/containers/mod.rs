//! Real containers: an engine of our own with dvol's driver on it, and what runs in that.

mod container;
mod database;
mod engine;
mod podman;

pub use container::{Container, quoted};
pub use database::{Database, Kind, MARIADB, POSTGRES, POSTGRES_18, REDIS, REDIS_IN_MEMORY};
pub use engine::Engine;
pub use podman::Podman;
