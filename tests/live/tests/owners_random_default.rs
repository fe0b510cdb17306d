//! The same at jemalloc's own interval, 512 KiB: fewer samples, and blocks are resized by others
//! only where they are large enough to be sampled always.

use memprobe_live::judge::{Verdict, compare};
use memprobe_live::program;
use memprobe_live::truth::{Tracked, memprobes};

#[global_allocator]
static ALLOCATOR: Tracked = Tracked;
memprobe::__sample!();

#[test]
fn every_block_is_its_owners_at_the_default_interval() {
    assert_eq!(memprobes(memprobe::live).expect("jemalloc samples").interval, 512 << 10);
    let mut verdict = Verdict::default();
    for seed in 101..=120 {
        // 1 in e³⁰ of those is not sampled.
        program::run(seed, 15 << 20, || compare(&mut verdict));
    }
    verdict.check_few(5);
}
