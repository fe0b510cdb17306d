//! A program that asks for heap profiles: `memprobe-profiling DIRECTORY`.

use std::hint::black_box;

use memprobe::{Limit, Profiles, Watch, memprobe, probe};

memprobe::global_allocator!();

const MIB: usize = 1 << 20;

fn main() {
    let directory = std::env::args().nth(1).expect("a directory");
    tracing_subscriber::fmt().json().with_max_level(tracing::Level::WARN).init();
    let profiles = Profiles::new(directory)
        .max_files(3)
        .on_net_above("load", "entry", "read", 4 << 20)
        .on_net_above("load", "entry", "read", 1 << 40)
        .on_peak_above("load", "read", "return", 8 << 20)
        .on_net_above("load", "read", "return", 0);
    let watch = Watch::new().limit(Limit::from_bytes(64 << 20)).profiles(profiles);
    println!("{:?}", watch.install());
    for _ in 0..4 {
        load();
        crowded();
    }
}

#[memprobe(name = "load", rate = 1)]
fn load() {
    let rows = black_box(vec![1_u8; 5 * MIB]);
    probe!("read");
    drop(black_box(vec![1_u8; 9 * MIB]));
    drop(rows);
}

#[memprobe(rate = 1)]
fn crowded() {
    let blocks = black_box(vec![1_u8; 60 * MIB]);
    probe!("crowded");
    drop(blocks);
}
