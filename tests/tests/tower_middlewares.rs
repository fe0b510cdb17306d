//! The layer between the middlewares of tower-http: they change the response, and give up requests.

use std::future::pending;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::get;
use memprobe::report::Function;
use memprobe_tests::function;
use memprobe_tests::http::{BLOCK, ask, blocks, serve, until_idle};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;

memprobe::global_allocator!();

const COUNT: usize = 16;
const BYTES: u64 = (COUNT * BLOCK) as u64;

fn timeout() -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::from_millis(50))
}

async fn panics() -> &'static str {
    panic!("the handler panics")
}

fn router() -> Router {
    let download = || async { Body::new(blocks(COUNT)) };
    let layer = memprobe::tower::layer;
    // What stands around the layer gets its body as it is, and asks of it what it asks of any.
    let around =
        ServiceBuilder::new().layer(CompressionLayer::new()).layer(timeout()).layer(layer());
    let outside = Router::new()
        .route("/slow", get(pending::<()>))
        .route("/compressed_after", get(download))
        .layer(around);
    let inside = Router::new()
        .route("/compressed_in_it", get(download))
        .layer(CompressionLayer::new())
        .layer(layer());
    let caught =
        Router::new().route("/panics", get(panics)).layer(layer()).layer(CatchPanicLayer::new());
    outside.merge(inside).merge(caught)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_middleware_does_counts_where_it_stands() {
    // Without a backtrace, which allocates in the call that panics.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let address = serve(router()).await;
    for (path, status, is_compressed) in [
        ("/slow", "408", false),
        ("/compressed_after", "200", true),
        ("/compressed_in_it", "200", true),
        ("/panics", "500", false),
    ] {
        let answer = ask(address, "GET", path).await;
        let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        assert!(text.starts_with(&format!("http/1.1 {status} ")), "{path}: {text}");
        assert_eq!(text.contains("content-encoding: gzip"), is_compressed, "{path}: {text}");
    }
    until_idle().await;

    let outcomes = |path: &str| {
        let outcomes = of(path).outcomes;
        [outcomes.returned, outcomes.panicked, outcomes.cancelled]
    };
    assert_eq!(outcomes("/slow"), [0, 0, 1], "the timeout drops the handler");
    assert_eq!(outcomes("/panics"), [0, 1, 0]);
    let [after, within] = ["/compressed_after", "/compressed_in_it"].map(|path| {
        assert_eq!(outcomes(path), [1, 0, 0], "{path}");
        let figures = of(path).figures.expect("jemalloc counts");
        // The parts of the request come from the server, and those of the response go to it.
        assert!(figures.net().abs() < 4096, "{path}: {}", figures.net());
        figures
    });
    // Around the layer only the blocks count, and inside it the state of the compression too.
    assert!((BYTES..BYTES + 4096).contains(&after.allocated), "{}", after.allocated);
    assert!(after.peak < 2 * BLOCK as u64, "{}", after.peak);
    assert!(within.allocated > BYTES + (100 << 10), "{}", within.allocated);
    assert!(within.peak > BLOCK as u64 + (100 << 10), "{}", within.peak);
}

fn of(path: &str) -> Function {
    function(path).expect(path)
}
