//! The attribute that stands higher works first: above `#[tracing::instrument]` the events
//! stand inside the span.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tracing::{Event, Metadata, Subscriber, span};

memprobe::global_allocator!();

/// Keeps in how many spans each event stands.
struct Spans;

static ENTERED: AtomicUsize = AtomicUsize::new(0);
static SEEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());

impl Subscriber for Spans {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, _: &Event<'_>) {
        SEEN.lock().unwrap().push(ENTERED.load(Relaxed));
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn enter(&self, _: &span::Id) {
        ENTERED.fetch_add(1, Relaxed);
    }

    fn exit(&self, _: &span::Id) {
        ENTERED.fetch_sub(1, Relaxed);
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
}

#[memprobe::memprobe]
#[tracing::instrument]
fn above() {}

#[tracing::instrument]
#[memprobe::memprobe]
fn below() {}

#[memprobe::memprobe]
#[tracing::instrument]
async fn async_above() {}

#[tracing::instrument]
#[memprobe::memprobe]
async fn async_below() {}

/// The entry and the exit of a call.
fn seen(call: impl FnOnce()) -> [usize; 2] {
    call();
    SEEN.lock().unwrap().drain(..).collect::<Vec<_>>().try_into().unwrap()
}

fn main() {
    tracing::subscriber::set_global_default(Spans).unwrap();
    assert_eq!(seen(above), [1, 1]);
    assert_eq!(seen(below), [0, 0]);
    assert_eq!(seen(|| pollster::block_on(async_above())), [1, 1]);
    assert_eq!(seen(|| pollster::block_on(async_below())), [0, 0]);
}
