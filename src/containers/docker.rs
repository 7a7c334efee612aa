//! Docker's API, through bollard.
