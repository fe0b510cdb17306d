//! Carried work and futures: the owner is the call that they are part of, on whatever thread.

use memprobe::{carry, carry_future, memprobe, probe, scope_future};
use memprobe_live::{large, owned};

memprobe::global_allocator!(live);

#[memprobe(name = "carries")]
fn carries() -> Vec<u8> {
    let block = std::thread::spawn(carry(|| {
        let block = large();
        assert_eq!(owned(&["carries"], "carried"), (16, 0), "its call runs");
        block
    }));
    let block = block.join().expect("no panic");
    assert_eq!(owned(&["carries"], "carried"), (16, 0), "the work is done, and its call runs");
    block
}

#[memprobe(name = "inner")]
fn inner() -> Vec<u8> {
    large()
}

#[memprobe(name = "detaches")]
fn detaches() -> impl FnOnce() -> (Vec<u8>, Vec<u8>) {
    carry(|| (large(), inner()))
}

#[memprobe(name = "awaits")]
async fn awaits() -> Vec<u8> {
    let first = large();
    tokio::task::yield_now().await;
    let second = large();
    probe!("awaited");
    let third = scope_future("nested", async {
        tokio::task::yield_now().await;
        large()
    });
    let third = third.await;
    assert_eq!(owned(&["awaits"], "entry"), (32, 0));
    assert_eq!(owned(&["awaits", "nested"], "entry"), (0, 16));
    drop((second, third));
    first
}

#[memprobe(name = "spawns")]
async fn spawns() -> Vec<u8> {
    let task = tokio::spawn(carry_future(async {
        tokio::task::yield_now().await;
        let block = large();
        tokio::task::yield_now().await;
        assert_eq!(owned(&["spawns"], "carried"), (16, 0));
        block
    }));
    task.await.expect("no panic")
}

#[memprobe(name = "waits")]
async fn waits() {
    let _held = large();
    std::future::pending::<()>().await;
}

#[test]
fn work_elsewhere_is_its_calls() {
    let block = carries();
    assert_eq!(owned(&["carries"], "carried"), (0, 16));
    drop(block);
    let blocks = detaches()();
    assert_eq!(owned(&["detaches"], "carried"), (0, 16), "its call had ended before");
    assert_eq!(owned(&["detaches", "inner"], "entry"), (0, 16));
    drop(blocks);
    assert_eq!(owned(&["detaches"], "carried"), (0, 0));

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).build();
    let runtime = runtime.expect("threads");
    for _ in 0..20 {
        let block = runtime.block_on(async { tokio::spawn(awaits()).await.expect("no panic") });
        assert_eq!(owned(&["awaits"], "entry"), (0, 16));
        assert_eq!(owned(&["awaits", "nested"], "entry"), (0, 0));
        drop(block);
        let block = runtime.block_on(async { tokio::spawn(spawns()).await.expect("no panic") });
        assert_eq!(owned(&["spawns"], "carried"), (0, 16));
        drop(block);
        assert_eq!(owned(&["spawns"], "carried"), (0, 0));
    }

    // A call that waits runs, until it is dropped.
    runtime.block_on(async {
        let task = tokio::spawn(waits());
        while owned(&["waits"], "entry") == (0, 0) {
            tokio::task::yield_now().await;
        }
        assert_eq!(owned(&["waits"], "entry"), (16, 0));
        task.abort();
        assert!(task.await.is_err());
    });
    assert_eq!(owned(&["waits"], "entry"), (0, 0));
}
