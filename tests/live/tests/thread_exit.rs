//! Destructors of thread-locals allocate and free when memprobe's own, and jemalloc's, may have run.

use std::cell::RefCell;
use std::sync::Mutex;

use memprobe::memprobe;
use memprobe::report::OwnerKind;
use memprobe_live::{large, owned, owned_by};

memprobe::global_allocator!(live);

static LEFT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

struct Late(RefCell<Vec<Vec<u8>>>);

thread_local! {
    static FIRST: Late = const { Late(RefCell::new(Vec::new())) };
    static SECOND: Late = const { Late(RefCell::new(Vec::new())) };
}

impl Drop for Late {
    fn drop(&mut self) {
        // One for each, beside what is freed here; and a call as well.
        LEFT.lock().expect("no panic").push(large());
        drop(make());
        self.0.borrow_mut().clear();
        LEFT.lock().expect("no panic").push(make());
    }
}

#[memprobe(name = "make")]
fn make() -> Vec<u8> {
    large()
}

#[test]
fn late_destructors_are_sampled_and_their_frees_are_seen() {
    const THREADS: u64 = 20;
    memprobe::live::set_interval(64 << 10).expect("it is sampled");
    for _ in 0..THREADS {
        let thread = std::thread::spawn(|| {
            // One destructor is registered before memprobe's, and one after.
            FIRST.with(|late| late.0.borrow_mut().push(large()));
            let block = make();
            SECOND.with(|late| late.0.borrow_mut().push(block));
        });
        thread.join().expect("no panic");
    }
    // jemalloc does not sample on a thread that it has cleaned up, so there may be fewer.
    let kept = LEFT.lock().expect("no panic").len() as u64;
    assert_eq!(kept, 4 * THREADS);
    assert_eq!(owned_by(OwnerKind::NotAnnotated), 2 * THREADS * 16);
    assert_eq!(owned(&["make"], "entry"), (0, 2 * THREADS * 16));
    LEFT.lock().expect("no panic").clear();
    assert_eq!(owned_by(OwnerKind::NotAnnotated), 0);
    assert_eq!(owned(&["make"], "entry"), (0, 0));
}
