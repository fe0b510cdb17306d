//! Names of requests come from clients, so only 256 of them have totals of their own.

use std::convert::Infallible;
use std::thread;

use hyper::Request;
use memprobe_tests::poll;
use tower::{Layer, Service, service_fn};

memprobe::global_allocator!();

const NAMES: usize = 300;
const THREADS: usize = 4;

#[test]
fn further_names_are_counted_together() {
    let layer = memprobe::tower::layer_without_body(|request: &Request<()>| {
        request.uri().path().to_owned()
    });
    let service = layer.layer(service_fn(|_| async { Ok::<(), Infallible>(()) }));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let mut service = service.clone();
            scope.spawn(move || {
                for n in 0..NAMES {
                    // Each in an order of its own.
                    let path = format!("/{}", (n + thread * 50) % NAMES);
                    let request = Request::builder().uri(path).body(()).expect("valid");
                    assert!(poll(service.call(request)), "it is done");
                }
            });
        }
    });
    let functions = memprobe::report().functions;
    assert_eq!(functions.len(), 256 + 1);
    for function in functions {
        let expected = if function.name == "(other)" { NAMES - 256 } else { 1 };
        assert_eq!(function.outcomes.calls(), (expected * THREADS) as u64, "{}", function.name);
    }
}
