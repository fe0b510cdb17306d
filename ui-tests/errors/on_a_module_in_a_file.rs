//! On a module in a file of its own.
//@ errs

#[memprobe::memprobe]
pub mod other;
