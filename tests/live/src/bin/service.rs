//! An ordinary service on axum with an upload route: hyper allocates the bodies that a handler
//! frees, and frees the answers that a handler allocates. Its argument is what it does beside.
//!
//! - `leak`: each visit leaves 16 KiB in a cache that is never emptied.
//! - `cache`: the cache fills to 100 MiB and then stands still.
//! - `latest`: the cache has the latest 64 entries.
//! - `middleware`: a middleware without an attribute keeps each body.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Mutex, OnceLock, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use memprobe::{memprobe, probe};

memprobe::global_allocator!(live);

const ENTRY: usize = 16 << 10;
const FULL: usize = (100 << 20) / ENTRY;

static MODE: OnceLock<Mode> = OnceLock::new();
static CACHE: Mutex<VecDeque<Box<[u8]>>> = Mutex::new(VecDeque::new());
static BODIES: Mutex<Vec<Bytes>> = Mutex::new(Vec::new());

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Leak,
    Cache,
    Latest,
    Middleware,
}

#[tokio::main]
async fn main() {
    let mode = match std::env::args().nth(1).as_deref() {
        Some("leak") => Mode::Leak,
        Some("cache") => Mode::Cache,
        Some("latest") => Mode::Latest,
        Some("middleware") => Mode::Middleware,
        other => panic!("no mode {other:?}"),
    };
    MODE.get_or_init(|| mode);
    let router = Router::new()
        .route("/upload", post(upload))
        .route("/visit", get(visit))
        .layer(from_fn(keep_bodies))
        .route("/report.json", get(report));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    axum::serve(listener, router).await.expect("it serves");
}

fn mode() -> Mode {
    *MODE.get().expect("set by main")
}

async fn keep_bodies(request: Request, next: Next) -> Response {
    if mode() != Mode::Middleware {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    BODIES.lock().unwrap_or_else(PoisonError::into_inner).push(body.clone());
    next.run(Request::from_parts(parts, Body::from(body))).await
}

#[memprobe]
async fn upload(body: Body) -> Result<Vec<u8>, StatusCode> {
    let body = to_bytes(body, usize::MAX).await.map_err(|_| StatusCode::BAD_REQUEST)?;
    probe!("received");
    Ok(vec![1; body.len() / 4])
}

#[memprobe]
async fn visit() -> Vec<u8> {
    let answer = vec![1; 4 * ENTRY];
    probe!("answered");
    remember(&answer[..ENTRY]);
    answer
}

#[memprobe]
fn remember(entry: &[u8]) {
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    match mode() {
        Mode::Leak => {}
        Mode::Cache if cache.len() < FULL => {}
        Mode::Cache => return,
        Mode::Latest | Mode::Middleware => cache.truncate(63),
    }
    cache.push_front(entry.into());
}

async fn report() -> Result<Vec<u8>, StatusCode> {
    let mut json = Vec::new();
    memprobe::report().write_json(&mut json).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(json)
}
