//! What the peers share: the functions that are measured and how they are timed.

pub mod build;
pub mod harness;
pub mod heap;
pub mod instructions;
pub mod workloads;
