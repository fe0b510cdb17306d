//! How figures and names are written for people.

#[cfg(feature = "enabled")]
pub(crate) mod buffer;
pub(crate) mod name;
pub(crate) mod units;
