//! New ids.

use std::sync::atomic::{AtomicU64, Ordering};

/// Gives a pool new ids.
pub trait IdSource: Send + Sync {
    /// Returns 32 lowercase hex digits that no earlier call returned.
    fn next(&self) -> String;
}

/// Makes version 4 UUIDs (RFC 9562): 122 random bits, so that short prefixes tell ids apart.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "the one door to random ids")]
    fn next(&self) -> String {
        uuid::Uuid::new_v4().simple().to_string()
    }
}

/// Counts ids up from a seed, so that tests can compare whole outputs.
#[derive(Debug)]
pub struct CountedIds(AtomicU64);

impl CountedIds {
    /// Starts just after `seed`.
    pub fn new(seed: u64) -> Self {
        CountedIds(AtomicU64::new(seed))
    }
}

impl IdSource for CountedIds {
    fn next(&self) -> String {
        // The count stands first, so that prefixes differ.
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        format!("{count:08x}{:024x}", 0)
    }
}
