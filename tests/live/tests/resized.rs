//! A block that is resized stays its owner's, whether it moves or not, and whoever resizes it.

use memprobe::memprobe;
use memprobe_live::{MIB, large, owned};

memprobe::global_allocator!(live);

#[memprobe(name = "make")]
fn make() -> Vec<u8> {
    large()
}

#[memprobe(name = "resize")]
fn resize(block: &mut Vec<u8>, mib: usize) {
    // Nothing is in it, so that nothing is copied.
    if mib * MIB > block.capacity() {
        block.reserve_exact(mib * MIB);
    } else {
        block.shrink_to(mib * MIB);
    }
    assert_eq!(block.capacity(), mib * MIB);
}

#[test]
fn a_resized_block_stays_its_owners() {
    let mut block = make();
    // Behind it, so that it cannot grow where it is.
    let wall = make();
    let before = block.as_ptr();
    resize(&mut block, 64);
    assert_ne!(block.as_ptr(), before, "it has moved");
    assert_eq!(owned(&["make"], "entry"), (0, 64 + 16));
    let before = block.as_ptr();
    resize(&mut block, 32);
    assert_eq!(block.as_ptr(), before, "it has stayed");
    assert_eq!(owned(&["make"], "entry"), (0, 32 + 16));
    // Where it has been before.
    resize(&mut block, 40);
    assert_eq!(owned(&["make"], "entry"), (0, 40 + 16));
    for step in 0..50 {
        resize(&mut block, 41 + step);
        assert_eq!(owned(&["make"], "entry"), (0, 41 + step as u64 + 16));
    }
    assert_eq!(owned(&["resize"], "entry"), (0, 0));

    // Too large for any machine: it stays as it is, and known.
    assert!(block.try_reserve_exact(1 << 60).is_err());
    assert_eq!(owned(&["make"], "entry"), (0, 90 + 16));
    drop(block);
    assert_eq!(owned(&["make"], "entry"), (0, 16));
    drop(wall);
    assert_eq!(owned(&["make"], "entry"), (0, 0));
}
