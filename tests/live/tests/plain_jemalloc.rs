//! A program with a jemalloc wrapper of its own has owners too, if jemalloc is told to sample: from
//! the first annotated call on, for nothing runs before `main`.

use std::hint::black_box;

use memprobe::memprobe;
use memprobe::report::OwnerKind;
use memprobe_live::{MallocConf, large, owned, owned_by};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[used]
#[unsafe(export_name = "_rjem_malloc_conf")]
static SAMPLING: MallocConf = MallocConf::of(c"prof:true");

#[memprobe(name = "make")]
fn make() -> Vec<u8> {
    large()
}

#[test]
fn blocks_have_their_owners_from_the_first_call_on() {
    let before = black_box(large());
    let first = make();
    let outside = black_box(large());
    assert_eq!(owned(&["make"], "entry"), (0, 16));
    assert_eq!(owned_by(OwnerKind::NotAnnotated), 16, "the one after the first call");
    drop((before, first));
    assert_eq!(owned(&["make"], "entry"), (0, 0), "a block that was not seen is freed as well");
    drop(outside);
    assert_eq!(owned_by(OwnerKind::NotAnnotated), 0);
}
