//! Sampling is switched off and on, and its interval is changed, while the program runs.

use memprobe::memprobe;
use memprobe_live::{large, owned};

memprobe::global_allocator!(live);

#[memprobe(name = "make")]
fn make() -> Vec<u8> {
    large()
}

/// Returns how many samples there are of so many blocks of 1 KiB, which are freed then.
fn samples_of(count: usize) -> u64 {
    let samples = || {
        let live = memprobe::live().expect("it is sampled");
        live.owners.iter().map(|row| row.live.samples).sum::<u64>()
    };
    let before = samples();
    let blocks: Vec<_> = (0..count).map(|_| Vec::<u8>::with_capacity(1 << 10)).collect();
    let after = samples();
    drop(blocks);
    after.saturating_sub(before)
}

#[memprobe(name = "keep")]
fn keep() -> Vec<Vec<u8>> {
    (0..16 << 10).map(|_| Vec::with_capacity(1 << 10)).collect()
}

#[test]
fn sampling_is_controlled_while_the_program_runs() {
    let first = make();
    memprobe::live::set_active(false).expect("it can be");
    assert!(!memprobe::live().expect("it can be switched on").active);
    let second = make();
    assert_eq!(owned(&["make"], "entry"), (0, 16), "the second is not sampled");
    drop(first);
    assert_eq!(owned(&["make"], "entry"), (0, 0), "a free is seen");
    memprobe::live::set_active(true).expect("it can be");
    assert!(memprobe::live().expect("it is on").active);
    drop(second);
    assert_eq!(owned(&["make"], "entry"), (0, 0), "that one was never known");
    let third = make();
    assert_eq!(owned(&["make"], "entry"), (0, 16));

    // 64 MiB: 4,096 samples of 16 KiB, ± 64, after the one that was drawn before the change.
    memprobe::live::set_interval(16 << 10).expect("it can be");
    assert_eq!(memprobe::live().expect("it is on").interval, 16 << 10);
    drop(large());
    let many = samples_of(64 << 10);
    assert!((3776..=4416).contains(&many), "{many} samples, where 4,096 are expected");
    // 16 MiB of small blocks: 1,024 samples, ± 32, whose weight is that of this interval for good.
    let kept = keep();
    let before = owned(&["keep"], "entry");
    assert!((14..=18).contains(&before.1), "{before:?} MiB");
    // The next power of two below.
    memprobe::live::set_interval((1 << 20) + 5000).expect("it can be");
    assert_eq!(memprobe::live().expect("it is on").interval, 1 << 20);
    drop(large());
    let few = samples_of(64 << 10);
    assert!((24..=110).contains(&few), "{few} samples, where 64 are expected");
    assert_eq!(owned(&["make"], "entry"), (0, 16), "a block of before is still known");
    drop(third);
    assert_eq!(owned(&["make"], "entry"), (0, 0), "and its free is seen");
    assert_eq!(owned(&["keep"], "entry"), before);
    drop(kept);
    assert_eq!(owned(&["keep"], "entry"), (0, 0));
}
