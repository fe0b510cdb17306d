//! Functions and futures with memprobe and without, for their sizes.

use std::hint::black_box;

use memprobe::{memprobe, probe};
use memprobe_bench::harness::print;
use memprobe_bench::workloads;

memprobe::global_allocator!();

workloads!(plain);
workloads!(with, #[memprobe::memprobe]);

#[unsafe(no_mangle)]
extern "Rust" fn size_plain(n: u64) -> u64 {
    black_box(n)
}

#[memprobe]
#[unsafe(no_mangle)]
extern "Rust" fn size_noted(n: u64) -> u64 {
    black_box(n)
}

#[memprobe]
#[unsafe(no_mangle)]
extern "Rust" fn size_probed(n: u64) -> u64 {
    probe!("middle");
    black_box(n)
}

fn main() {
    let shapes = [size_plain, size_noted, size_probed].map(black_box);
    black_box(shapes.map(|shape| shape(1)));
    black_box((with::empty(1) + with::allocates(1), with::nested(2)));
    black_box((plain::empty(1) + plain::allocates(1), plain::nested(2)));
    let sizes = [
        ("ready", size_of_val(&plain::ready(1)), size_of_val(&with::ready(1))),
        ("one yield", size_of_val(&plain::yields(1)), size_of_val(&with::yields(1))),
        (
            "allocates",
            size_of_val(&plain::allocates_async(1)),
            size_of_val(&with::allocates_async(1)),
        ),
        ("8 nested", size_of_val(&plain::nested_async(1)), size_of_val(&with::nested_async(1))),
    ];
    for (name, plain, with) in sizes {
        print(name, plain as f64, with as f64);
    }
}
