//! dvol gives the volumes of containers what git gives source code.

pub mod sys;
