//! dvol gives the volumes of containers what git gives source code.

pub mod containers;
pub mod model;
pub mod plugin;
pub mod sys;
