//! New ids.

use std::sync::atomic::{AtomicU64, Ordering};

/// Where a pool gets new ids from.
pub trait IdSource: Send + Sync {
    /// 32 lowercase hex digits that no one was given before.
    fn next(&self) -> String;
}

/// Version 4 UUIDs (RFC 9562): 122 random bits, so that short prefixes tell ids apart.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "the one door to random ids")]
    fn next(&self) -> String {
        uuid::Uuid::new_v4().simple().to_string()
    }
}

/// Ids that count up from a seed, for whole outputs in tests.
#[derive(Debug)]
pub struct CountedIds(AtomicU64);

impl CountedIds {
    /// Starts behind `seed`.
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
