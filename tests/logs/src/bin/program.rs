//! A program with all kinds of calls, which writes its log in the format that its argument names.
//! Its allocations are the same in each run.

use std::hint::black_box;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use memprobe::{Limit, Watch, memprobe, probe};
use memprobe_tests::yield_now;
use tracing::{info, info_span};
use tracing_subscriber::fmt::format::FmtSpan;

memprobe::global_allocator!();

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

fn main() {
    let format = std::env::args().nth(1).unwrap_or_default();
    subscribe(&format);
    std::panic::set_hook(Box::new(|_| {}));
    Watch::new().limit(Limit::from_bytes(512 << 20)).install().expect("the first");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(serve());
}

/// Writes to standard output, as the format says.
fn subscribe(format: &str) {
    let all = tracing_subscriber::fmt().with_writer(io::stdout).with_ansi(format.contains("ansi"));
    let name = format.trim_end_matches("-ansi");
    match name {
        "full" => all.init(),
        "compact" => all.compact().init(),
        "pretty" => all.pretty().init(),
        "json" => all.json().init(),
        "json-flat" => all.json().flatten_event(true).init(),
        "json-flat-bare" => {
            let all = all.json().flatten_event(true).with_current_span(false);
            all.with_span_list(false).without_time().init();
        }
        "json-spans" => all.json().with_span_events(FmtSpan::CLOSE).init(),
        "full-no-time" => all.without_time().init(),
        "full-everything" => {
            let all = all.with_thread_ids(true).with_thread_names(true);
            all.with_file(true).with_line_number(true).init();
        }
        // The subscriber of `lambda_runtime`, as its environment chooses it.
        "lambda-text" | "lambda-json" => lambda_runtime::tracing::init_default_subscriber(),
        other => panic!("no format {other:?}"),
    }
}

async fn serve() {
    info!("listening");
    for request in 0..12_usize {
        let span =
            info_span!("request", id = request, path = "/a b", call_id = "9 memprobe=\"exit\"");
        let guard = span.enter();
        info!(rows = request, "a line of the application's, not of memprobe's");
        let kept = handler(request);
        black_box(kept);
        drop(guard);
    }
    info!("and memprobe is mentioned here, as in memprobe::report()");
    let both = tokio::join!(task(1), task(3));
    black_box(both);
    let slow = tokio::time::timeout(Duration::from_millis(5), never());
    assert!(slow.await.is_err());
    let _ = catch_unwind(AssertUnwindSafe(|| panics(black_box(1))));
    probe!("outside", of = "any call");
    recursion(4);
    // It still runs when the program ends.
    let mut open = Box::pin(open_at_the_end());
    assert!(!memprobe_tests::poll(open.as_mut()));
    std::mem::forget(open);
}

#[memprobe(rate = 0)]
fn handler(request: usize) -> Vec<u8> {
    let page = block((1 + request) * 128 * KIB);
    probe!("read", bytes = page.len(), path = %"/a b call_id=7 uptime_us=1", quoted = ?"say \"x\"\n");
    let parsed = parse(&page, request);
    probe!("parsed", rows = parsed.len(), first = ?parsed.first());
    drop(page);
    if request.is_multiple_of(2) {
        probe!("even");
    }
    parsed
}

#[memprobe(rate = 0)]
fn parse(page: &[u8], request: usize) -> Vec<u8> {
    let rows = block(page.len() * 2);
    probe!("rows", request);
    let small = block(64 * KIB);
    drop(rows);
    small
}

#[memprobe(rate = 0)]
async fn task(mib: usize) -> usize {
    let first = block(mib * MIB);
    yield_now().await;
    probe!("yielded", mib);
    let inner = nested(mib).await;
    first.len() + inner
}

#[memprobe(rate = 0, name = "a \"name\", of = the user's")]
async fn nested(mib: usize) -> usize {
    let block = block(mib * 256 * KIB);
    yield_now().await;
    probe!("ünïcödé, memprobe=\"exit\"");
    yield_now().await;
    block.len()
}

#[memprobe(rate = 0)]
async fn never() {
    let held = block(2 * MIB);
    probe!("waits");
    std::future::pending::<()>().await;
    drop(held);
}

#[memprobe(rate = 0)]
fn panics(one: u32) {
    let _block = block(MIB);
    assert!(one > 1, "it panics");
}

#[memprobe(rate = 0)]
fn recursion(depth: usize) {
    let _block = block(64 * KIB);
    if depth > 0 {
        recursion(depth - 1);
    }
}

#[memprobe(rate = 0)]
async fn open_at_the_end() {
    let held = block(7 * MIB);
    probe!("loaded", of = "the last");
    std::future::pending::<()>().await;
    drop(held);
}

fn block(bytes: usize) -> Vec<u8> {
    black_box(vec![1; bytes])
}
