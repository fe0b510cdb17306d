//! How figures and names are written for people.

pub(crate) mod name;
pub(crate) mod units;
