//! A subscriber that spawns threads, calls annotated functions, and panics.

use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use memprobe::{memprobe, probe};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

memprobe::global_allocator!();

static EVENTS: AtomicU64 = AtomicU64::new(0);
static SPAWNED: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

struct Spawns;

impl Subscriber for Spawns {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("memprobe")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        let event = EVENTS.fetch_add(1, Relaxed);
        called_by_subscriber();
        if event % 8 == 0 {
            // Calls of that thread are written too, each by a thread that ends.
            let thread = thread::spawn(|| drop(std::hint::black_box(vec![1_u8; 4096])));
            SPAWNED.lock().expect("no panic").push(thread);
        }
        if event % 16 == 5 {
            std::panic::resume_unwind(Box::new(()));
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[memprobe]
fn called_by_subscriber() {
    drop(std::hint::black_box(vec![1_u8; 1 << 20]));
}

#[memprobe(rate = 0)]
fn works(n: u64) {
    let block = std::hint::black_box(vec![1_u8; 4096]);
    probe!("filled", n);
    drop(block);
}

const CALLS: u64 = 1000;

#[test]
fn a_subscriber_may_do_what_it_likes() {
    tracing::subscriber::set_global_default(Spawns).expect("the first");
    let mut panics = 0;
    for n in 0..CALLS {
        panics += u64::from(catch_unwind(|| works(n)).is_err());
    }
    for thread in SPAWNED.lock().expect("no panic").drain(..) {
        thread.join().expect("no panic");
    }
    assert!(EVENTS.load(Relaxed) > CALLS, "{} events", EVENTS.load(Relaxed));
    assert_eq!(panics, 0, "a subscriber's panic ends in memprobe, and not the call");
    let report = memprobe::report();
    let works = report.functions.iter().find(|f| f.name.ends_with("::works")).expect("called");
    let outcomes = &works.outcomes;
    assert_eq!(outcomes.returned + outcomes.panicked, CALLS, "{outcomes:?}");
    assert!(works.figures.expect("jemalloc").peak < 64 << 10, "nothing of the subscriber's");
    assert!(memprobe::in_flight().is_empty());
}
