//! A program that asks for heap profiles: `memprobe-profiling DIRECTORY`.

use std::hint::black_box;

use memprobe::{Limit, Profiles, Watch, memprobe, probe};

memprobe::global_allocator!();

const MIB: usize = 1 << 20;

fn main() {
    let directory = std::env::args().nth(1).expect("a directory");
    tracing_subscriber::fmt().json().with_max_level(tracing::Level::WARN).init();
    let profiles = Profiles::new(&directory)
        .max_files(3)
        .on_net_above("load", "entry", "read", 4 << 20)
        .on_net_above("load", "entry", "read", 1 << 40)
        .on_peak_above("load", "read", "return", 8 << 20)
        .on_net_above("load", "read", "return", 0);
    // Names take memory: with `pprof` the same threshold is far from a larger limit.
    let (limit, threshold) =
        if cfg!(feature = "pprof") { (1 << 30, 0.05) } else { (64 << 20, 0.8) };
    let watch = Watch::new().limit(Limit::from_bytes(limit)).thresholds([threshold]);
    let watch = watch.profiles(profiles);
    println!("{:?}", watch.install());
    for _ in 0..4 {
        load();
        crowded();
    }
    if cfg!(feature = "pprof") {
        wait_for_pprof(&directory);
    }
}

/// Waits until each profile was written again as pprof, at most a minute: a thread does it.
fn wait_for_pprof(directory: &str) {
    let count = |ending: &str| {
        let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
        files.filter(|file| file.file_name().to_string_lossy().ends_with(ending)).count()
    };
    for _ in 0..600 {
        if count(".pb.gz") == count(".heap") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    // For the last event.
    std::thread::sleep(std::time::Duration::from_millis(500));
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
