//! What a recursion allocates at any depth is owned by one row, and probes with the same label are
//! one place.

use std::hint::black_box;

use memprobe::{memprobe, probe};
use memprobe_live::{large, owned};

memprobe::global_allocator!(live);

#[memprobe(name = "descend")]
fn descend(depth: usize, kept: &mut Vec<Vec<u8>>) {
    if depth % 2 == 0 {
        probe!("down");
    } else {
        probe!("down");
    }
    kept.push(large());
    if depth > 0 {
        descend(depth - 1, black_box(kept));
    }
}

#[test]
fn a_recursion_is_one_owner() {
    let mut kept = Vec::with_capacity(8);
    descend(3, &mut kept);
    assert_eq!(owned(&["descend"], "down"), (0, 64), "running and finished, in MiB");
    let live = memprobe::live().expect("it is sampled");
    let rows = live.owners.iter().filter(|owner| owner.path == ["descend"]);
    assert_eq!(rows.count(), 1, "{:?}", live.owners);
}
