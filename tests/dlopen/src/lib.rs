//! The library that is loaded: one annotated function, and what is to be known of its figures.

#![allow(missing_docs, reason = "rustdoc shows no C function")]

use std::hint::black_box;

use memprobe::{memprobe, probe};

memprobe::global_allocator!();

#[memprobe]
fn work(bytes: usize) {
    let block = black_box(vec![1_u8; bytes]);
    probe!("allocated");
    drop(block);
}

/// Runs the function once with `bytes`, and gives the bytes that it has allocated in all its
/// calls so far; -1 where that cannot be had.
// SAFETY: no other function in the program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn memprobe_plugin_allocated(bytes: usize) -> i64 {
    work(bytes);
    let report = memprobe::report();
    let [work] = &*report.functions else { return -1 };
    work.figures.as_ref().map_or(-1, |figures| figures.allocated as i64)
}
