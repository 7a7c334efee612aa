//! dvol gives the volumes of containers what git gives source code.

pub mod cli;
pub mod containers;
pub mod fsck;
pub mod layout;
pub mod model;
pub mod ops;
pub mod plugin;
pub mod pool;
pub mod report;
pub mod store;
pub mod sys;
