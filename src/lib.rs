//! dvol gives the volumes of containers what git gives source code.

pub mod containers;
pub mod fsck;
pub mod layout;
pub mod model;
pub mod ops;
pub mod pool;
pub mod report;
pub mod store;
pub mod plugin;
pub mod sys;
