//! A block is its first owner's until it is freed, whoever has it by then.

use std::sync::Mutex;

use memprobe::report::OwnerKind;
use memprobe::{memprobe, probe};
use memprobe_live::{large, owned, owned_by};

memprobe::global_allocator!(live);

static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

#[memprobe(name = "make")]
fn make() -> Vec<u8> {
    large()
}

#[memprobe(name = "make_twice")]
fn make_twice() -> (Vec<u8>, Vec<u8>) {
    let first = large();
    probe!("half");
    (first, large())
}

#[memprobe(name = "keep")]
fn keep(block: Vec<u8>) {
    KEPT.lock().expect("no panic").push(block);
    assert_eq!(owned(&["keep"], "entry"), (0, 0));
}

#[memprobe(name = "outer")]
fn outer() {
    let block = make();
    let own = large();
    assert_eq!(owned(&["outer", "make"], "entry"), (0, 16), "the nested call has ended");
    assert_eq!(owned(&["outer"], "entry"), (16, 0), "this one runs");
    keep(own);
    assert_eq!(owned(&["outer"], "entry"), (16, 0), "kept in a static");
    drop(block);
    assert_eq!(owned(&["outer", "make"], "entry"), (0, 0));
}

#[test]
fn a_block_stays_its_owners() {
    let block = make();
    assert_eq!(owned(&["make"], "entry"), (0, 16));
    keep(block);
    assert_eq!(owned(&["make"], "entry"), (0, 16), "handed over");
    outer();
    assert_eq!(owned(&["outer"], "entry"), (0, 16), "its call has ended");

    let (first, second) = make_twice();
    assert_eq!(
        (owned(&["make_twice"], "entry"), owned(&["make_twice"], "half")),
        ((0, 16), (0, 16))
    );
    let freed = std::thread::spawn(move || drop(first));
    freed.join().expect("no panic");
    assert_eq!(
        (owned(&["make_twice"], "entry"), owned(&["make_twice"], "half")),
        ((0, 0), (0, 16))
    );

    // Outside any call, and on a thread that knows of none.
    let own = large();
    assert_eq!(owned_by(OwnerKind::NotAnnotated), 16);
    let others = std::thread::spawn(|| (large(), make())).join().expect("no panic");
    assert_eq!(owned_by(OwnerKind::NotAnnotated), 32);
    assert_eq!(owned(&["make"], "entry"), (0, 32));

    drop((own, others, second));
    KEPT.lock().expect("no panic").clear();
    assert_eq!(owned_by(OwnerKind::NotAnnotated), 0);
    let live = memprobe::live().expect("it is sampled");
    let rows: Vec<_> = live.owners.iter().filter(|row| row.kind == OwnerKind::Call).collect();
    assert!(rows.is_empty(), "all is freed: {rows:?}");
}
