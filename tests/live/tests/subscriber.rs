//! What a subscriber allocates while it writes an event is in memprobe's row, not the function's.

use std::sync::Mutex;

use memprobe::memprobe;
use memprobe::report::OwnerKind;
use memprobe_live::{large, owned, owned_by};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

memprobe::global_allocator!(live);

static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Keeps a large block for each event.
struct Keeps;

impl Subscriber for Keeps {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("memprobe")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        KEPT.lock().expect("no panic").push(large());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[memprobe(name = "make")]
fn make() -> Vec<u8> {
    large()
}

#[test]
fn a_subscribers_blocks_are_memprobes() {
    tracing::subscriber::set_global_default(Keeps).expect("there is no other");
    let block = make();
    assert_eq!(KEPT.lock().expect("no panic").len(), 2, "an entry and an exit");
    assert_eq!(owned(&["make"], "entry"), (0, 16));
    assert_eq!(owned_by(OwnerKind::Memprobe), 32);
    assert_eq!(owned_by(OwnerKind::NotAnnotated), 0);
    KEPT.lock().expect("no panic").clear();
    assert_eq!(owned_by(OwnerKind::Memprobe), 0);
    drop(block);
    assert_eq!(owned(&["make"], "entry"), (0, 0));
}
