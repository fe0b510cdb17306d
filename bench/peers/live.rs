//! What sampling for `live` costs: the same work over jemalloc alone, through memprobe, through
//! memprobe built with `live`, where `_RJEM_MALLOC_CONF=prof_active:false` leaves it off, and over
//! the allocators of peers that count each allocation. A build with the features of several has
//! the allocator of the first.

use std::cell::RefCell;
use std::hint::black_box;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::routing::post;
use memprobe_bench::harness::alone;
use serde_json::Value;
use tower::ServiceExt as _;

#[cfg(feature = "live")]
memprobe::global_allocator!(live);

#[cfg(all(feature = "live-without", not(feature = "live")))]
memprobe::global_allocator!();

#[cfg(all(feature = "live-floor", not(feature = "live-without")))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[cfg(all(feature = "live-dhat", not(any(feature = "live-without", feature = "live-floor"))))]
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

#[cfg(all(
    feature = "live-tracking",
    not(any(feature = "live-without", feature = "live-floor", feature = "live-dhat"))
))]
#[global_allocator]
static ALLOCATOR: tracking_allocator::Allocator<tikv_jemallocator::Jemalloc> =
    tracking_allocator::Allocator::from_allocator(tikv_jemallocator::Jemalloc);

#[cfg(all(
    feature = "live-tracking",
    not(any(feature = "live-without", feature = "live-floor", feature = "live-dhat"))
))]
#[path = "tracking.rs"]
mod tracking;

/// Blocks that are live meanwhile.
const LIVE: usize = 100_000;

#[cfg_attr(feature = "live-without", memprobe::memprobe)]
#[inline(never)]
fn call(n: u64) -> u64 {
    black_box(Box::new([n; 8]))[0]
}

fn pairs<const SIZE: usize>(n: u64) {
    for _ in 0..n {
        drop(black_box(Vec::<u8>::with_capacity(black_box(SIZE))));
    }
}

/// Frees a block among many, and allocates another in its place.
fn among_others(n: u64) {
    thread_local! {
        static BLOCKS: RefCell<Vec<Vec<u8>>> =
            RefCell::new((0..LIVE).map(|_| Vec::with_capacity(64)).collect());
    }
    BLOCKS.with_borrow_mut(|blocks| {
        let mut at = 1_usize;
        for _ in 0..n {
            at = at.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            blocks[(at >> 33) % LIVE] = black_box(Vec::with_capacity(64));
        }
    });
}

/// A document of so many entries.
fn document(entries: u32) -> String {
    let entry = |n: u32| {
        format!(r#"{{"id":{n},"name":"name of entry {n}","tags":["a","b",{n}],"score":{n}.5}}"#)
    };
    let entries: Vec<String> = (0..entries).map(entry).collect();
    format!("[{}]", entries.join(","))
}

#[cfg_attr(feature = "live-without", memprobe::memprobe)]
async fn handler(axum::Json(mut value): axum::Json<Value>) -> axum::Json<Value> {
    if let Some(entries) = value.as_array_mut() {
        entries.retain(|entry| entry["id"].as_u64().is_some_and(|id| id % 2 == 0));
    }
    axum::Json(value)
}

/// Requests of 15 KB to a handler that parses, filters and writes JSON, without a socket.
fn requests(n: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let router = Router::new().route("/", post(handler));
    let body = document(200);
    runtime.block_on(async {
        for _ in 0..n {
            let request = Request::post("/").header("content-type", "application/json");
            let request = request.body(Body::from(body.clone())).expect("a request");
            let answer = router.clone().oneshot(request).await.expect("an answer");
            black_box(to_bytes(answer.into_body(), usize::MAX).await.expect("a body"));
        }
    });
}

#[cfg_attr(
    all(
        feature = "live-hotpath",
        not(any(feature = "live-without", feature = "live-floor", feature = "live-dhat")),
        not(feature = "live-tracking")
    ),
    hotpath::main(allocator = tikv_jemallocator::Jemalloc, output_path = "/dev/null")
)]
fn main() {
    #[cfg(all(feature = "live-dhat", not(any(feature = "live-without", feature = "live-floor"))))]
    let _profiler = dhat::Profiler::builder().testing().build();
    #[cfg(all(
        feature = "live-tracking",
        not(any(feature = "live-without", feature = "live-floor", feature = "live-dhat"))
    ))]
    {
        // One group for the whole program.
        let token = tracking_allocator::AllocationGroupToken::register().expect("a group");
        std::mem::forget(Box::leak(Box::new(token)).enter());
        tracking::start();
    }
    alone("malloc + free 64 B", pairs::<64>);
    alone("malloc + free 4 KiB", pairs::<4096>);
    alone("64 B among 100,000 live blocks", among_others);
    alone("an annotated call with 64 B", |n| {
        for i in 0..n {
            black_box(call(i));
        }
    });
    let document = document(20_000);
    alone("serde_json, a document of 1.5 MB", |n| {
        for _ in 0..n {
            let value: Value = serde_json::from_str(&document).expect("a document");
            drop(black_box(value));
        }
    });
    alone("axum, a request with 15 KB of JSON", requests);
}
