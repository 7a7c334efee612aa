//! The volume driver: Docker's volume plugin protocol (version 1) over a Unix socket.
//!
//! ```text
//! server      runtime, signals, background work
//! connections accepts connections, one task each; closes idle and slow ones
//! call        one request: parse, validate, ask the service, log
//! protocol    the bodies of requests and answers
//! service     the trait that provides volumes
//! volumes     the service over a pool
//! unreadable  what to answer while the pool cannot be read
//! remembered  the volumes that the driver remembers, in a file outside of the pool
//! troubles    what was logged already
//! host_view   the pool's path on the host, for a driver in a container
//! socket      claims and releases the socket's path
//! ```
//!
//! Guarantees, which follow from what engines do with answers:
//!
//! * Every request gets an answer, even on a panic, a body that is too long, or a stop of the
//!   driver. An engine whose connection closes without an answer sends the request again with an
//!   empty body; therefore an empty body never counts as a name.
//! * An `Err` has status 200 for Docker, which then shows it to its users word for word, and 500
//!   for podman, which goes by the status alone.
//! * Get of a volume that exists does not fail. An engine takes any error for "no such volume" and
//!   creates a local volume of that name. Therefore the driver retries Get and List for a while.
//! * The driver knows its volumes in every state of the pool: read-only, damaged, full, missing,
//!   not mounted. It refuses Mount then, starts in each of these states, and goes on when they end.
//! * Engines do not validate names; only a [`VolumeName`](crate::model::VolumeName) reaches the
//!   service.
//! * A call that waits (a Mount at a closed gate) does not delay other calls.

mod call;
mod connections;
mod host_view;
mod protocol;
mod remembered;
mod server;
mod service;
mod socket;
mod troubles;
mod unreadable;
mod volumes;

pub use remembered::list_of;
pub use server::{Options, Phase, ServeError, serve, serve_until};
pub use service::{VolumeInfo, VolumeService};
pub use socket::{Place, SocketError};
pub use volumes::{Advice, PoolService};
