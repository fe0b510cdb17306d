//! The most calls at once of tasks on several workers, against a counter of their own: exact,
//! though each thread counts by itself, and never more for a child than for its caller.

use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::Duration;

use memprobe::memprobe;
use memprobe_tests::function;

memprobe::global_allocator!();

/// Calls that run, and the most that did.
struct Own {
    now: AtomicI64,
    most: AtomicI64,
}

impl Own {
    const fn new() -> Own {
        Own { now: AtomicI64::new(0), most: AtomicI64::new(0) }
    }

    fn enter(&self) -> Inside<'_> {
        self.most.fetch_max(self.now.fetch_add(1, SeqCst) + 1, SeqCst);
        Inside(self)
    }
}

struct Inside<'a>(&'a Own);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, SeqCst);
    }
}

static HANDLERS: Own = Own::new();
static FETCHES: Own = Own::new();
static BLOCKING: Own = Own::new();

#[memprobe]
async fn handler(round: u64) {
    let _inside = HANDLERS.enter();
    fetch(round).await;
    tokio::task::spawn_blocking(memprobe::carry(move || shrink(round))).await.expect("no panic");
}

#[memprobe]
async fn fetch(round: u64) {
    let _inside = FETCHES.enter();
    tokio::time::sleep(Duration::from_micros(100 + round % 7 * 150)).await;
}

#[memprobe]
fn shrink(round: u64) {
    let _inside = BLOCKING.enter();
    std::thread::sleep(Duration::from_micros(200 + round % 5 * 100));
}

fn most(name: &str) -> (u64, bool) {
    let function = function(name).expect("was called");
    (function.max_concurrent.expect("is counted"), function.max_concurrent_exact)
}

/// So many clients, each of which calls the handler again and again.
async fn serve(clients: u64, rounds: u64) {
    let clients: Vec<_> = (0..clients)
        .map(|client| {
            tokio::spawn(async move {
                for round in 0..rounds {
                    handler(client * 31 + round * 17).await;
                }
            })
        })
        .collect();
    for client in clients {
        client.await.expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_are_counted_as_they_count_themselves() {
    let mut exact = 0;
    for clients in [3, 20, 50] {
        memprobe::reset();
        for own in [&HANDLERS, &FETCHES, &BLOCKING] {
            own.most.store(0, SeqCst);
        }
        serve(clients, 40).await;
        // The counters are inside the calls: there may be a call more at its very ends.
        for (name, own) in
            [("::handler", &HANDLERS), ("::fetch", &FETCHES), ("::shrink", &BLOCKING)]
        {
            let (own, (most, is_exact)) = (own.most.load(SeqCst) as u64, most(name));
            // On a machine that is busy with other things it may say that it is a lower bound.
            assert!(most >= own || !is_exact, "{name}: {most} where it counted {own}");
            assert!(most <= clients, "{name}: {most} of {clients}");
            exact += u32::from(is_exact);
        }
        assert_eq!(most("::handler").0, clients);
        assert!(most("::fetch").0 <= most("::handler").0);
        assert!(most("::shrink").0 <= most("::handler").0);
    }

    assert!(exact >= 5, "only {exact} of 9 are exact");

    // Nobody can look as often as threads call an empty function. What is seen is a bound then,
    // and never too high.
    memprobe::reset();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..300_000).for_each(|_| empty()));
        }
    });
    assert!((1..=4).contains(&most("::empty").0));
}

#[memprobe]
fn empty() {}
