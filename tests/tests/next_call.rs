//! However a call ended, the next one on its thread, which gets its record, finds nothing of it.

use std::future::{Future, pending};
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::{Context, Waker};

use memprobe::{memprobe, probe};
use memprobe_tests::record::{self, Recorder};

memprobe::global_allocator!();

const MIB: usize = 1 << 20;

#[memprobe(rate = 0)]
fn returns() {
    let kept = black_box(vec![1_u8; 3 * MIB]);
    probe!("first");
    nests();
    probe!("second");
    drop(kept);
}

#[memprobe(rate = 0)]
fn nests() {
    drop(black_box(vec![1_u8; 5 * MIB]));
}

#[memprobe(rate = 0)]
fn panics() {
    let _freed_by_unwinding = black_box(vec![1_u8; MIB]);
    let _calls = CallsInDrop;
    probe!("before");
    resume_unwind(Box::new("on purpose"));
}

/// Its calls begin while the thread unwinds.
struct CallsInDrop;

impl Drop for CallsInDrop {
    fn drop(&mut self) {
        returns();
    }
}

#[memprobe(rate = 0)]
async fn waits() {
    let _held = black_box(vec![1_u8; 2 * MIB]);
    probe!("waiting");
    pending::<()>().await;
}

fn is_cancelled() {
    let mut future = Box::pin(waits());
    let mut context = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_pending());
    assert!(future.as_mut().poll(&mut context).is_pending());
}

#[memprobe(rate = 0)]
fn carries() {
    let work = memprobe::carry(|| drop(black_box(vec![1_u8; 7 * MIB])));
    std::thread::scope(|scope| scope.spawn(work).join().expect("no panic"));
    let nested = memprobe::carry(nests);
    nested();
}

fn is_measured() {
    let (_, usage) = memprobe::measure(returns).expect("jemalloc");
    assert_eq!(usage.net(), 0);
    let future = pin!(memprobe::measure_future(waits()));
    assert!(future.poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

#[memprobe(rate = 0)]
fn outer() {
    inner();
}

/// Allocates once: 16 KiB, by itself.
#[memprobe(rate = 0)]
fn inner() {
    drop(black_box(vec![1_u8; 16 << 10]));
}

/// What the innermost call shows to others before it has done anything.
#[memprobe(rate = 0)]
fn shows() {
    let calls = memprobe::in_flight();
    let [call] = calls.as_slice() else { panic!("one runs: {calls:?}") };
    assert_eq!((call.after, call.held, call.net, call.peak), ("entry", Some(0), Some(0), Some(0)));
}

#[memprobe(rate = 0)]
fn breaks() {
    resume_unwind(Box::new("on purpose"));
}

#[test]
fn the_next_call_finds_nothing() {
    Recorder::install();
    let ends: [fn(); 5] =
        [returns, || assert!(catch_unwind(panics).is_err()), is_cancelled, carries, is_measured];
    for end in ends {
        for _ in 0..3 {
            end();
            shows();
            end();
            outer();
            assert!(catch_unwind(AssertUnwindSafe(breaks)).is_err());
        }
    }
    assert!(memprobe::in_flight().is_empty());

    let report = memprobe::report();
    let count = 3 * ends.len() as u64;
    for name in ["outer", "inner"] {
        let function = report.functions.iter().find(|function| function.name.ends_with(name));
        let function = function.expect("was called");
        let figures = function.figures.expect("jemalloc");
        let bytes = count * (16 << 10);
        assert_eq!((figures.allocated, figures.freed), (bytes, bytes), "{name}");
        let own = if name == "inner" { bytes } else { 0 };
        assert_eq!((figures.self_allocated, figures.self_freed), (own, own), "{name}");
        assert_eq!(figures.peak, 0, "{name}: of what came and went between two points");
        assert_eq!((function.outcomes.returned, function.segments.len()), (count, 1), "{name}");
    }
    let breaks = report.functions.iter().find(|function| function.name.ends_with("breaks"));
    assert_eq!(breaks.expect("was called").outcomes.panicked, count);

    let exits: Vec<_> = record::take()
        .into_iter()
        .filter(|record| record.get("memprobe") == Some("exit"))
        .filter(|record| record.get("function").is_some_and(|name| name.ends_with("::inner")))
        .collect();
    assert_eq!(exits.len() as u64, count);
    for exit in exits {
        let of_call = ["call_allocated", "call_freed", "call_net", "call_peak"];
        assert_eq!(of_call.map(|field| exit.number(field)), [16 << 10, 16 << 10, 0, 0]);
        assert_eq!((exit.get("from"), exit.get("call_peak_label")), (Some("entry"), None));
    }
}
