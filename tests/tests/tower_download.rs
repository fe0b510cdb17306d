//! A download of 1 GiB is streamed. Its figures are what it holds, and not what it sends.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use memprobe_tests::http::{BLOCK, blocks, send, serve, until_idle};
use tokio::io::AsyncReadExt;

memprobe::global_allocator!();

const BYTES: usize = 1 << 30;
/// What a download may hold at once: hyper takes 400 KiB from the body before it waits for the
/// client.
const A_FEW_BLOCKS: u64 = 16 * BLOCK as u64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_of_a_gibibyte_holds_a_few_blocks() {
    let download = || async { Body::new(blocks(BYTES / BLOCK)) };
    let router = Router::new().route("/download", get(download));
    let address = serve(router.layer(memprobe::tower::layer())).await;

    let mut client = send(address, "GET", "/download").await;
    let mut buffer = vec![0; 1 << 20];
    let (mut received, mut looks) = (0, 0);
    loop {
        let read = client.read(&mut buffer).await.expect("an answer");
        if read == 0 {
            break;
        }
        // Each 64 MiB, as long as more is to come than lies in sockets.
        if received >> 26 != (received + read) >> 26 && received < BYTES - (64 << 20) {
            looks += 1;
            check_in_flight();
        }
        received += read;
    }
    assert!((BYTES..BYTES + BYTES / 100).contains(&received), "{received}");
    assert!(looks > 10, "{looks}");

    until_idle().await;
    let report = memprobe::report();
    let [function] = &report.functions[..] else { panic!("{report}") };
    assert_eq!((function.name, function.outcomes.returned), ("GET /download", 1));
    let figures = function.figures.as_ref().expect("jemalloc counts");
    let overhead = figures.allocated - BYTES as u64;
    assert!(overhead < 4096, "nothing beside the blocks: {overhead}");
    let net = figures.net();
    assert!((-4096..=0).contains(&net), "{net}");
    assert!((BLOCK as u64..A_FEW_BLOCKS).contains(&figures.peak), "{}", figures.peak);
    println!("{} {} {net}", figures.allocated, figures.peak);
}

fn check_in_flight() {
    let calls = memprobe::in_flight();
    let [call] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!(call.function, "GET /download");
    let held = call.held.expect("jemalloc counts");
    assert!((-4096..A_FEW_BLOCKS as i64).contains(&held), "{held}");
    assert!(call.peak.is_some_and(|peak| peak < A_FEW_BLOCKS), "{:?}", call.peak);
}
