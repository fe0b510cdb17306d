//! A child that was forked while other threads allocate goes on allocating, and is sampled.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use memprobe::memprobe;
use memprobe_live::{large, owned};

memprobe::global_allocator!(live);

#[memprobe(name = "make")]
fn make() -> Vec<u8> {
    large()
}

#[memprobe(name = "churn")]
fn churn() {
    for size in (1..64).map(|step| step * 1000) {
        drop(black_box(Vec::<u8>::with_capacity(size)));
    }
}

/// What the child does; false if something is wrong.
fn child(before: &[u8]) -> bool {
    (0..300).for_each(|_| churn());
    let ours = make();
    let is_known = owned(&["make"], "entry") == (0, 32);
    drop(ours);
    let threads: Vec<_> = (0..3).map(|_| std::thread::spawn(|| drop(make()))).collect();
    let is_well = threads.into_iter().all(|thread| thread.join().is_ok());
    is_known && is_well && before.is_empty() && owned(&["make"], "entry") == (0, 16)
}

#[test]
fn a_forked_child_goes_on() {
    memprobe::live::set_interval(16 << 10).expect("it is sampled");
    let block = make();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !over.load(SeqCst) {
                    churn();
                }
            });
        }
        for _ in 0..5 {
            // SAFETY: the child uses what jemalloc and memprobe keep usable in a child, and ends
            // without the parent's destructors.
            match unsafe { libc::fork() } {
                0 => {
                    // SAFETY: an alarm ends a child that hangs.
                    unsafe { libc::alarm(60) };
                    let code = i32::from(!child(&block));
                    // SAFETY: ends the process.
                    unsafe { libc::_exit(code) };
                }
                -1 => panic!("no fork"),
                pid => {
                    let mut status = 0;
                    // SAFETY: waits for the child, and fills in its status.
                    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
                    assert_eq!(status, 0, "the child has failed, or was ended by its alarm");
                }
            }
        }
        over.store(true, SeqCst);
    });
    assert_eq!(owned(&["make"], "entry"), (0, 16));
}
