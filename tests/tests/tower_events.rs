//! The events of requests: their target, their place, their names, and the limits of a layer.

use std::convert::Infallible;
use std::hint::black_box;

use memprobe_tests::record::{self, Record, Recorder};
use memprobe_tests::{function, poll};
use tower::{Layer, Service, service_fn};
use tracing::Level;

memprobe::global_allocator!();

async fn allocate(bytes: usize) -> Result<(), Infallible> {
    drop(black_box(vec![1_u8; bytes]));
    Ok(())
}

#[test]
fn a_request_has_an_entry_and_an_exit() {
    Recorder::install();
    let named = memprobe::tower::layer_without_body(|bytes: &usize| format!("of {bytes}"));
    let place = line!() - 1;
    let mut service = named.rate(0.0).above(1 << 20).layer(service_fn(allocate));
    for bytes in [64 << 10, 4 << 20] {
        assert!(poll(service.call(bytes)));
    }

    let records = record::take();
    let outline = |record: &Record| {
        let text = |name| record.get(name).unwrap_or_default().to_owned();
        let texts = ["memprobe", "function", "outcome", "why"].map(text);
        (*record.metadata.level(), texts.join(" "))
    };
    assert_eq!(
        records.iter().map(outline).collect::<Vec<_>>(),
        [
            (Level::INFO, "entry of 65536  ".to_owned()),
            (Level::INFO, "exit of 65536 returned ".to_owned()),
            (Level::INFO, "entry of 4194304  ".to_owned()),
            (Level::WARN, "exit of 4194304 returned above".to_owned()),
        ]
    );
    for record in &records {
        assert_eq!(record.metadata.target(), "memprobe::route");
        assert_eq!((record.metadata.file(), record.metadata.line()), (Some(file!()), Some(place)));
    }
    assert_eq!(records[3].number("call_peak"), 4 << 20);

    // What is no number is no limit, and above all no name of its own for each request.
    let mut service = memprobe::tower::layer_without_body(|_: &usize| "all")
        .rate(f64::NAN)
        .layer(service_fn(allocate));
    for _ in 0..100 {
        assert!(poll(service.call(0)));
    }
    assert_eq!(record::take().len(), 200);
    assert_eq!(function("all").expect("it was called").outcomes.calls(), 100);
}
