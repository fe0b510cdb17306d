//! Requests that do not come to their good end: the client goes away, the handler panics, the body
//! fails. What they held is given back.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::hint::black_box;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use hyper::body::Frame;
use memprobe_tests::http::{BLOCK, Frames, NextFrame, ask, block, send, serve, until, until_idle};
use tokio::io::AsyncReadExt;

memprobe::global_allocator!();

const HELD: usize = 1 << 20;

/// One block, and then what `then` says.
fn one_block_and<E>(mut then: impl FnMut() -> NextFrame<E> + Send + Unpin + 'static) -> Body
where
    E: Into<axum::BoxError> + 'static,
{
    let mut first = Some(());
    Body::new(Frames(move || match first.take() {
        Some(()) => Poll::Ready(Some(Ok(Frame::data(block())))),
        None => then(),
    }))
}

fn router() -> Router {
    let waits = || async {
        let held = black_box(vec![1_u8; HELD]);
        pending::<()>().await;
        held
    };
    let panics = || async {
        let held = black_box(vec![1_u8; HELD]);
        assert!(held.is_empty(), "the handler panics");
    };
    let stalls = || async { one_block_and(|| NextFrame::<Infallible>::Pending) };
    let breaks = || async { one_block_and(|| Poll::Ready(Some(Err(io::Error::other("broken"))))) };
    let body_panics =
        || async { one_block_and(|| -> NextFrame<Infallible> { panic!("the body panics") }) };
    Router::new()
        .route("/waits", get(waits))
        .route("/panics", get(panics))
        .route("/stalls", get(stalls))
        .route("/breaks", get(breaks))
        .route("/body_panics", get(body_panics))
        .route("/good", get(|| async { "good" }))
        .layer(memprobe::tower::layer())
}

/// Reads the answer as far as to the end of the block.
async fn read_block(address: SocketAddr, path: &str) -> tokio::net::TcpStream {
    let mut stream = send(address, "GET", path).await;
    let mut answer = Vec::with_capacity(2 * BLOCK);
    while answer.len() < BLOCK {
        assert!(stream.read_buf(&mut answer).await.expect("an answer") > 0);
    }
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_outcome_is_counted_and_nothing_is_kept() {
    // Without a backtrace, which allocates in the call that panics.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let address = serve(router()).await;

    let client = send(address, "GET", "/waits").await;
    // A call frees the parts of its request, which come from the server.
    until(|running| running.iter().any(|call| call.net > Some(HELD as i64 / 2))).await;
    drop(client);
    until_idle().await;

    // The client goes in the middle of the body.
    let client = read_block(address, "/stalls").await;
    assert_eq!(memprobe::in_flight().len(), 1, "the call goes on until the body is sent");
    drop(client);
    until_idle().await;

    assert_eq!(ask(address, "GET", "/panics").await, b"");
    let broken = ask(address, "GET", "/breaks").await;
    assert!(!broken.ends_with(b"0\r\n\r\n"));
    let broken = ask(address, "GET", "/body_panics").await;
    assert!(!broken.ends_with(b"0\r\n\r\n"));
    assert!(ask(address, "GET", "/good").await.ends_with(b"good"));
    assert!(ask(address, "HEAD", "/stalls").await.ends_with(b"\r\n\r\n"));
    until_idle().await;

    let mut functions: BTreeMap<_, _> =
        memprobe::report().functions.into_iter().map(|one| (one.name, one)).collect();
    for (name, [returned, panicked, cancelled], peak) in [
        ("GET /waits", [0, 0, 1], HELD),
        ("GET /stalls", [0, 0, 1], BLOCK),
        ("GET /panics", [0, 1, 0], HELD),
        // An error is a return, as it is of a function.
        ("GET /breaks", [1, 0, 0], BLOCK),
        ("GET /body_panics", [0, 1, 0], BLOCK),
        ("GET /good", [1, 0, 0], 0),
        // The body is not asked for.
        ("HEAD /stalls", [1, 0, 0], 0),
    ] {
        let function = functions.remove(name).expect(name);
        let outcomes = &function.outcomes;
        let counted = [outcomes.returned, outcomes.panicked, outcomes.cancelled];
        assert_eq!(counted, [returned, panicked, cancelled], "{name}");
        let figures = function.figures.expect("jemalloc counts");
        let net = figures.net();
        // So are those of the response, the other way round.
        assert!(net.abs() < 4096, "{name}: {net}");
        let peak_less = figures.peak as i64 - peak as i64;
        assert!((-4096..16 << 10).contains(&peak_less), "{name}: {}", figures.peak);
    }
    assert!(functions.is_empty(), "{functions:?}");
}
