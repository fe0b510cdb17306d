//! Spans that are entered and left in any order, some of them open on another thread as well: each
//! has, to the byte, what a naive count of every step says.

use std::sync::{Arc, Barrier};
use std::thread;

use memprobe::probe;
use memprobe_tests::random::Random;
use tracing::{Span, info_span};
use tracing_subscriber::prelude::*;

memprobe::global_allocator!();

const SPANS: usize = 7;
/// The last of them are open on another thread meanwhile: what is done in them here is carried work.
const HERE: usize = 5;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Naive {
    allocated: u64,
    freed: u64,
    self_allocated: u64,
    self_freed: u64,
    peak: u64,
    self_peak: u64,
}

impl Naive {
    fn step(&mut self, allocated: u64, freed: u64, is_innermost: bool) {
        self.allocated += allocated;
        self.freed += freed;
        let net = |allocated: u64, freed: u64| allocated.saturating_sub(freed);
        self.peak = self.peak.max(net(self.allocated, self.freed));
        if is_innermost {
            self.self_allocated += allocated;
            self.self_freed += freed;
            self.self_peak = self.self_peak.max(net(self.self_allocated, self.self_freed));
        }
    }
}

struct Round {
    random: Random,
    spans: [Span; SPANS],
    naive: [Naive; SPANS],
    /// The spans that are entered on this thread, the outermost first.
    entered: Vec<usize>,
    blocks: Vec<Vec<u8>>,
}

impl Round {
    fn below(&mut self, bound: usize) -> usize {
        self.random.below(bound as u64) as usize
    }

    fn step(&mut self, allocated: usize, freed: usize) {
        for (depth, &span) in self.entered.iter().rev().enumerate() {
            self.naive[span].step(allocated as u64, freed as u64, depth == 0);
            // What is carried out of a call counts for none of the calls around it.
            if span >= HERE {
                break;
            }
        }
    }

    fn allocate(&mut self) {
        let size = (64 << 10) << self.below(5);
        self.blocks.push(std::hint::black_box(Vec::with_capacity(size)));
        self.step(size, 0);
    }

    fn free(&mut self) {
        let at = self.below(self.blocks.len());
        let size = self.blocks.swap_remove(at).capacity();
        self.step(0, size);
    }

    fn enter(&mut self) {
        let span = self.below(SPANS);
        if !self.entered.contains(&span) {
            self.spans[span].with_subscriber(|(id, subscriber)| subscriber.enter(id));
            self.entered.push(span);
        }
    }

    fn leave(&mut self) {
        let at = self.below(self.entered.len());
        let span = self.entered.remove(at);
        self.spans[span].with_subscriber(|(id, subscriber)| subscriber.exit(id));
    }

    fn act(&mut self) {
        match self.below(8) {
            0 | 1 => self.enter(),
            2 if !self.entered.is_empty() => self.leave(),
            3 => probe!("point"),
            4 | 5 if !self.blocks.is_empty() => self.free(),
            _ if self.blocks.len() < self.blocks.capacity() => self.allocate(),
            _ => {}
        }
    }
}

fn spans() -> [Span; SPANS] {
    [
        info_span!("0"),
        info_span!("1"),
        info_span!("2"),
        info_span!("3"),
        info_span!("4"),
        info_span!("5"),
        info_span!("6"),
    ]
}

/// Returns what memprobe has of the spans.
fn measured() -> [Naive; SPANS] {
    let mut measured = [Naive::default(); SPANS];
    for function in memprobe::report().functions {
        let (_, index) = function.name.rsplit_once(':').expect("a path");
        let figures = function.figures.expect("jemalloc");
        measured[index.parse::<usize>().expect("a number")] = Naive {
            allocated: figures.allocated,
            freed: figures.freed,
            self_allocated: figures.self_allocated,
            self_freed: figures.self_freed,
            peak: figures.peak,
            self_peak: figures.self_peak.expect("a function"),
        };
    }
    measured
}

#[test]
fn each_has_what_was_done_in_it() {
    let registry = tracing_subscriber::registry().with(memprobe::spans::layer());
    memprobe::spans::ignore(registry).init();
    for seed in 1..=200 {
        let mut round = Round {
            random: Random(seed),
            spans: spans(),
            naive: [Naive::default(); SPANS],
            entered: Vec::with_capacity(SPANS),
            blocks: Vec::with_capacity(30),
        };
        let elsewhere = round.spans[HERE..].to_vec();
        let barrier = Arc::new(Barrier::new(2));
        let other = thread::spawn({
            let barrier = Arc::clone(&barrier);
            move || {
                let mut entered = Vec::with_capacity(elsewhere.len());
                entered.extend(elsewhere.iter().map(Span::enter));
                // They are entered, and then they may be left. Nothing is allocated meanwhile.
                barrier.wait();
                barrier.wait();
                drop(entered);
            }
        });
        barrier.wait();
        for _ in 0..100 {
            round.act();
        }
        while !round.entered.is_empty() {
            round.leave();
        }
        barrier.wait();
        other.join().expect("no panic");
        let Round { spans, mut naive, .. } = round;
        drop(spans);
        let mut measured = measured();
        for (measured, naive) in measured[HERE..].iter_mut().zip(&mut naive[HERE..]) {
            // Nothing is done in the span on its own thread.
            (measured.self_peak, naive.self_peak) = (0, 0);
        }
        assert_eq!(measured, naive, "round {seed}");
        memprobe::reset();
    }
    assert!(memprobe::in_flight().is_empty());
}
