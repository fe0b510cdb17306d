//! 100 random programs: each sampled block is its owner's, and the estimates are as near to the
//! truth as they say.

use memprobe_live::judge::{Verdict, compare};
use memprobe_live::program;
use memprobe_live::truth::{Tracked, memprobes};

#[global_allocator]
static ALLOCATOR: Tracked = Tracked;
memprobe::__sample!();

#[test]
fn every_block_is_its_owners_and_estimates_are_within_their_errors() {
    memprobes(|| memprobe::live::set_interval(4 << 10)).expect("jemalloc samples");
    memprobe::live::set_stack_every(16);
    // A thread draws its next sample ahead: this one was drawn from the interval of before.
    drop(std::hint::black_box(Vec::<u8>::with_capacity(64 << 20)));
    let mut verdict = Verdict::default();
    for seed in 1..=100 {
        program::run(seed, 4 << 20, || compare(&mut verdict));
    }
    assert_eq!(memprobes(|| memprobe::live().expect("samples").lost), 0);
    verdict.check(2000);
}
