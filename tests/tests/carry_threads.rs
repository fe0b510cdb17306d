//! Work on other threads counts for the call that asks for it: to the byte, also when it
//! outlives the call, with std threads, tokio and rayon.

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::thread;

use memprobe::report::Figures;
use memprobe::{carry, carry_future, memprobe, probe};
use memprobe_tests::record::{self, Recorder};
use memprobe_tests::{function, yield_now};
use rayon::prelude::*;

memprobe::global_allocator!();

const MIB: usize = 1 << 20;

fn block(mib: usize) -> Vec<u8> {
    black_box(vec![1; mib * MIB])
}

#[memprobe(rate = 0)]
fn nested(mib: usize) -> Vec<u8> {
    block(mib)
}

#[memprobe(rate = 0)]
fn on_a_thread() -> Vec<u8> {
    let _mine = block(1);
    let work = carry(|| {
        drop(nested(8));
        probe!("inside", at = 1);
        block(2)
    });
    let kept = thread::scope(|scope| scope.spawn(work).join().expect("no panic"));
    probe!("joined");
    drop(block(1));
    kept
}

#[memprobe(rate = 0)]
async fn in_tasks() -> usize {
    let task = tokio::spawn(carry_future(async {
        let first = block(3);
        yield_now().await;
        drop(nested(4));
        first
    }));
    let blocking = tokio::task::spawn_blocking(carry(|| block(5)));
    let (task, blocking) = (task.await.expect("no panic"), blocking.await.expect("no panic"));
    task.len() + blocking.len()
}

#[memprobe(rate = 0)]
fn in_a_pool() -> usize {
    (0..64)
        .map(|_| carry(|| drop(block(1))))
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|work| work())
        .count()
}

#[memprobe(rate = 0)]
fn bystander(work: impl FnOnce()) {
    let _mine = block(1);
    work();
}

#[memprobe(rate = 0)]
fn outlived(barrier: &'static Barrier) -> thread::JoinHandle<()> {
    let work = carry(move || {
        drop(block(2));
        barrier.wait();
        barrier.wait();
        drop(block(4));
    });
    let thread = thread::spawn(work);
    barrier.wait();
    thread
}

#[memprobe(rate = 0)]
fn panics() {
    let work = carry(|| {
        let _block = block(2);
        std::panic::resume_unwind(Box::new("on purpose"))
    });
    let caught = thread::scope(|scope| {
        let run = || catch_unwind(AssertUnwindSafe(work)).is_err();
        scope.spawn(run).join().expect("caught")
    });
    assert!(caught);
}

#[memprobe(rate = 0)]
fn on_a_thread_alone() -> Vec<u8> {
    block(1)
}

#[memprobe(rate = 0)]
fn never_runs() {
    drop(carry(|| block(1)));
    drop(carry_future(async { block(1) }));
}

#[memprobe(rate = 0)]
fn runs_it_itself() {
    let work = carry(|| drop(block(2)));
    work();
}

/// Work that is carried to a thread, and from there to another.
#[memprobe(rate = 0)]
fn carries_twice() {
    let work = carry(|| {
        let first = block(1);
        let further = carry(|| drop(block(3)));
        thread::scope(|scope| scope.spawn(further).join().expect("no panic"));
        drop(first);
    });
    thread::scope(|scope| scope.spawn(work).join().expect("no panic"));
}

fn totals(name: &str) -> Figures {
    function(name).expect(name).figures.expect("jemalloc")
}

/// Allocated, freed, allocated by the function itself, and peak, in MiB: all that is small
/// (a thread's own block, a channel) is under one.
fn mib(name: &str) -> (u64, u64, u64, u64) {
    let of = totals(name);
    (of.allocated >> 20, of.freed >> 20, of.self_allocated >> 20, of.peak >> 20)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_elsewhere_counts_for_the_call() {
    Recorder::install();

    drop(on_a_thread());
    assert_eq!(mib("::on_a_thread"), (12, 10, 4, 9), "1 + 8, then 1 + 2 + 1");
    let records = record::take();
    let of = |kind: &str, function: &str, label: Option<&str>| {
        let found = records.iter().find(|record| {
            record.get("memprobe") == Some(kind)
                && record.get("function").is_some_and(|name| name.ends_with(function))
                && (label.is_none() || record.get("label") == label)
        });
        found.unwrap_or_else(|| panic!("{kind} {function} {label:?}: {records:#?}"))
    };
    let exit = of("exit", "::on_a_thread", None);
    assert_eq!(exit.number("call_allocated") >> 20, 12);
    assert_eq!(exit.number("call_net") >> 20, 2, "what the thread has kept is the call's");
    let call_id = exit.get("call_id");
    assert_eq!(of("entry", "::nested", None).get("parent_id"), call_id);
    let inside = of("probe", "::on_a_thread", Some("inside"));
    assert_eq!((inside.get("call_id"), inside.get("from")), (call_id, Some("carried")));
    assert_eq!(inside.number("peak"), 8 << 20);
    let joined = of("probe", "::on_a_thread", Some("joined"));
    assert_eq!(joined.number("net") >> 20, 3);
    assert_eq!(joined.number("peak") >> 20, 9);

    assert_eq!(in_tasks().await, 8 * MIB);
    let (allocated, freed, own, peak) = mib("::in_tasks");
    assert_eq!((allocated, freed, own), (12, 12, 8));
    assert!((8..=12).contains(&peak), "between what is surely held at once and all: {peak}");

    assert_eq!(in_a_pool(), 64);
    let (allocated, freed, own, peak) = mib("::in_a_pool");
    assert_eq!((allocated, freed, own), (64, 64, 64));
    assert_eq!(peak, 1);

    // A call that only lends its thread.
    let work = memprobe::scope("caller", || carry(|| drop(block(16))));
    bystander(work);
    assert_eq!(mib("::bystander"), (1, 1, 1, 1), "not what it ran for another");
    assert_eq!(mib("caller").0, 16, "though it had ended");

    exact_to_the_byte();

    let barrier: &'static Barrier = Box::leak(Box::new(Barrier::new(2)));
    let thread = outlived(barrier);
    barrier.wait();
    thread.join().expect("no panic");
    assert_eq!(mib("::outlived").0, 6, "all of it, though the call had ended after 2");

    panics();
    assert_eq!(mib("::panics"), (2, 2, 2, 2));
    carries_twice();
    assert_eq!(mib("::carries_twice"), (4, 4, 4, 4), "1, and 3 above it");
    // What the records were used for before is in nobody's figures.
    thread::scope(|scope| {
        let plain = || drop(on_a_thread_alone());
        scope.spawn(plain).join().expect("no panic");
    });
    assert_eq!(mib("::on_a_thread_alone"), (1, 0, 1, 1));
    never_runs();
    assert_eq!(mib("::never_runs").0, 0);
    runs_it_itself();
    assert_eq!(mib("::runs_it_itself"), (2, 2, 2, 2));
    drop(carry(|| block(1))());

    assert!(memprobe::in_flight().is_empty());
}

/// Blocks of whole MiB are what jemalloc hands out, so these must be equal.
fn exact_to_the_byte() {
    let segments = |name: &str| {
        let mut carried: Vec<_> = function(name)
            .expect(name)
            .carried
            .iter()
            .map(|segment| {
                let of = segment.figures.expect("jemalloc");
                (segment.label, segment.count, of.allocated, of.net())
            })
            .collect();
        carried.sort_unstable();
        carried
    };
    let mib = MIB as u64;
    assert_eq!(
        segments("::on_a_thread"),
        [("done", 1, 2 * mib, 2 * MIB as i64), ("inside", 1, 8 * mib, 0)]
    );
    assert_eq!(segments("::in_a_pool"), [("done", 64, 64 * mib, 0)]);
    assert_eq!(segments("::in_tasks"), [("done", 2, 12 * mib, 8 * MIB as i64)]);
    for name in ["::on_a_thread", "::in_tasks", "::in_a_pool"] {
        let of = totals(name);
        let tree = memprobe::report().tree;
        let nested = tree.iter().find(|node| node.function.ends_with(name));
        let nested = nested.expect(name).children.iter();
        let nested: u64 = nested.map(|node| node.figures.expect("jemalloc").allocated).sum();
        assert_eq!(of.allocated, of.self_allocated + nested, "{name}: nothing lost or twice");
    }
}
