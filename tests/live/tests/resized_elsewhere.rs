//! jemalloc frees the old block of a `realloc` before it calls the hooks, and another thread may have
//! a block there by then: that one is its own owner's.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use memprobe::__private::sampled_blocks;
use memprobe::memprobe;
use memprobe::report::OwnerKind;
use memprobe_live::MallocConf;

memprobe::global_allocator!(live);

/// All threads take their blocks from one arena.
#[used]
#[unsafe(export_name = "_rjem_malloc_conf")]
static ONE_ARENA: MallocConf = MallocConf::of(c"narenas:1");

/// Large enough for no thread's cache: what one thread gives back, the next one takes.
const SIZE: usize = 64 << 10;

/// Moves blocks away from where the other thread then finds room.
#[memprobe(name = "resize")]
fn resize(over: &AtomicBool) {
    while !over.load(SeqCst) {
        let mut block = Vec::<u8>::with_capacity(SIZE);
        block.reserve_exact(5 * SIZE);
        drop(black_box(block));
    }
}

#[memprobe(name = "make")]
fn make(blocks: &mut Vec<Vec<u8>>) {
    blocks.extend((0..8).map(|_| black_box(Vec::with_capacity(SIZE))));
}

/// Ends the other threads, also where a check fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

#[test]
fn a_block_where_another_was_moved_away_is_its_own_owners() {
    // Every block is sampled.
    memprobe::live::set_interval(1 << 10).expect("it is sampled");
    memprobe::live::set_stack_every(0);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _over = Over(&over);
        (0..3).for_each(|_| drop(scope.spawn(|| resize(&over))));
        let mut blocks = Vec::with_capacity(8);
        for _ in 0..10_000 {
            make(&mut blocks);
            for sampled in sampled_blocks() {
                let is_ours = blocks.iter().any(|block| block.as_ptr().addr() == sampled.address);
                let is_makes = sampled.path.as_deref() == Some(&["make"]);
                assert_eq!(is_ours, is_makes, "{sampled:?}");
            }
            blocks.clear();
        }
    });
    let live = memprobe::live().expect("it is sampled");
    assert!(live.owners.iter().all(|row| row.kind != OwnerKind::Call), "{:?}", live.owners);
    assert_eq!(live.lost, 0);
}
