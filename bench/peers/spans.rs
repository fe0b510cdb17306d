//! What spans as calls cost: the same spans without a subscriber, with a registry alone, with
//! memprobe's layer in three ways (`SUBSCRIBER` says which), and with the layer of a peer that counts
//! each allocation. A build with the features of several has the allocator of the first.

use std::hint::black_box;

use memprobe_bench::harness::{alone, polls};
use tracing::{Instrument, Subscriber, info_span};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry;

#[cfg(feature = "spans")]
memprobe::global_allocator!();

#[cfg(all(feature = "spans-floor", not(feature = "spans")))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[cfg(all(feature = "spans-tracking", not(any(feature = "spans", feature = "spans-floor"))))]
#[global_allocator]
static ALLOCATOR: tracking_allocator::Allocator<tikv_jemallocator::Jemalloc> =
    tracking_allocator::Allocator::from_allocator(tikv_jemallocator::Jemalloc);

#[cfg(all(feature = "spans-tracking", not(any(feature = "spans", feature = "spans-floor"))))]
#[path = "tracking.rs"]
mod tracking;

fn allocate(times: usize) {
    for _ in 0..times {
        drop(black_box(Vec::<u8>::with_capacity(black_box(64))));
    }
}

fn main() {
    match std::env::var("SUBSCRIBER").as_deref() {
        Ok("registry") => install(registry()),
        #[cfg(feature = "spans")]
        Ok("filtered") => install(registry().with(memprobe::spans::layer().filter(|_| false))),
        #[cfg(feature = "spans")]
        Ok("calls") => install(registry().with(memprobe::spans::layer())),
        #[cfg(feature = "spans")]
        Ok("ignored") => {
            install(memprobe::spans::ignore(registry().with(memprobe::spans::layer())));
        }
        #[cfg(all(
            feature = "spans-tracking",
            not(any(feature = "spans", feature = "spans-floor"))
        ))]
        Ok("tracking") => {
            install(registry().with(tracking_allocator::AllocationLayer::new()));
            tracking::start();
        }
        _ => {}
    }
    let span = info_span!("kept");
    #[cfg(all(feature = "spans-tracking", not(any(feature = "spans", feature = "spans-floor"))))]
    tracking_allocator::AllocationGroupToken::register().expect("a group").attach_to_span(&span);
    for (case, times) in [
        ("enter + exit of a span", 0),
        ("with one malloc + free of 64 B in it", 1),
        ("with 100 of them", 100),
    ] {
        alone(case, |n| {
            for _ in 0..n {
                // Without a subscriber nothing else would be left of it.
                black_box(&span).in_scope(|| allocate(times));
            }
        });
    }
    // The peer would need a new group of allocations for each span, which it never frees.
    if cfg!(any(feature = "spans", feature = "spans-floor")) {
        alone("a new span, entered and closed", |n| {
            for _ in 0..n {
                black_box(info_span!("new")).in_scope(|| ());
            }
        });
        alone(
            "an instrumented future, ready at once",
            polls(|n| async move { black_box(n) }.instrument(info_span!("future"))),
        );
    }
}

fn install(subscriber: impl Subscriber + Send + Sync) {
    tracing::subscriber::set_global_default(subscriber).expect("the only subscriber");
}
