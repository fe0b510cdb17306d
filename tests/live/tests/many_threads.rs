//! A million blocks on eight threads, most of which another thread frees: none is lost, and none is
//! known when all are freed.

use std::sync::mpsc::sync_channel;

use memprobe::__private::sampled_blocks;
use memprobe::memprobe;

memprobe::global_allocator!(live);

const THREADS: usize = 8;
const BLOCKS: usize = 125_000;

#[memprobe(name = "make")]
fn make(size: usize) -> Vec<u8> {
    Vec::with_capacity(size)
}

#[test]
fn a_million_blocks_leave_nothing_behind() {
    memprobe::live::set_interval(8 << 10).expect("it is sampled");
    memprobe::live::set_stack_every(64);
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| sync_channel(64)).unzip();
    let threads: Vec<_> = receivers
        .into_iter()
        .enumerate()
        .map(|(thread, receiver)| {
            let next = senders[(thread + 1) % THREADS].clone();
            std::thread::spawn(move || {
                let mut most = 0;
                for at in 0..BLOCKS {
                    let mut block = make(1 + at * 7919 % 4000);
                    if at % 5 == 0 {
                        block.reserve_exact(5000);
                    }
                    // Where the other has no room, it is freed here.
                    drop(next.try_send(block));
                    if at % 3 == 0 {
                        drop(receiver.try_recv());
                    }
                    if at % 20_000 == 0 {
                        most = most.max(sampled_blocks().len());
                    }
                }
                most
            })
        })
        .collect();
    let most: Vec<usize> =
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
    drop(senders);
    assert!(most.iter().any(|&most| most > 100), "{most:?} blocks at once");
    let left =
        sampled_blocks().into_iter().filter(|block| block.path.as_deref() == Some(&["make"]));
    assert_eq!(left.count(), 0);
    assert_eq!(memprobe::live().expect("it is sampled").lost, 0);
}
