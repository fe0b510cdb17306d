//! At least 10,000 random scopes for each of several sizes, with points and events between.

use memprobe::{memprobe, probe};
use memprobe_tests::exact::{Figures, Scope, pause};
use memprobe_tests::record::{self, Recorder};

/// How a peak must compare: memprobe's, the exact figures, the smallest block in the run.
pub type Compare = fn(u64, &Figures, usize);

struct Run {
    /// A xorshift generator.
    random: u64,
    smallest: usize,
    compare: Compare,
    scopes: usize,
    probes: usize,
    blocks: Vec<Vec<u8>>,
    /// What the events must say, in their order.
    expected: Vec<(&'static str, Figures)>,
    depth: usize,
}

impl Run {
    fn random(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % below as u64) as usize
    }

    fn expect(&mut self, kind: &'static str, exact: Figures) {
        assert!(self.expected.len() < self.expected.capacity(), "room without growing");
        self.expected.push((kind, exact));
    }

    /// One thing that programs do with memory.
    fn act(&mut self) {
        let size = self.smallest + self.random(self.smallest);
        let some = if self.blocks.is_empty() { None } else { Some(self.random(self.blocks.len())) };
        match (self.random(7), some) {
            (0 | 1, _) if self.blocks.len() < 60 => self.blocks.push(Vec::with_capacity(size)),
            (2, Some(at)) => drop(self.blocks.swap_remove(at)),
            (3, Some(at)) => {
                let block = &mut self.blocks[at];
                let more = block.capacity() + block.capacity() / 2;
                // SAFETY: `u8`s that nobody reads; so the blocks are not touched.
                unsafe { block.set_len(block.capacity()) };
                block.reserve_exact(more - block.len());
            }
            (4, Some(at)) => {
                let smallest = self.smallest;
                let block = &mut self.blocks[at];
                block.clear();
                block.shrink_to(smallest.max(block.capacity() / 2));
            }
            // A rise that is gone before the next point.
            (5, _) => drop(std::hint::black_box(Vec::<u8>::with_capacity(size * 3))),
            _ => {}
        }
    }
}

#[memprobe(rate = 0)]
fn scope(run: &mut Run) -> Figures {
    let call = Scope::begin();
    let mut segment = Scope::begin();
    pause(false);
    run.depth += 1;
    run.scopes += 1;
    for _ in 0..run.random(12) {
        match run.random(10) {
            0 if run.depth < 12 => nested(run),
            1 => {
                pause(true);
                let exact = segment.end();
                probe!("point", scope = run.scopes);
                run.expect("probe", exact);
                run.probes += 1;
                segment = Scope::begin();
                pause(false);
            }
            _ => run.act(),
        }
    }
    run.depth -= 1;
    pause(true);
    segment.end();
    call.end()
}

fn nested(run: &mut Run) {
    pause(true);
    let exact = scope(run);
    run.expect("exit", exact);
    pause(false);
}

/// Compares all events with what was expected of them. Not while a call is open: there the
/// comparison itself would be measured.
fn compare(run: &mut Run) {
    let records = record::take();
    let is_told = |kind| !matches!(kind, Some("entry" | "watch"));
    let records = records.iter().filter(|record| is_told(record.get("memprobe")));
    let mut expected = std::mem::take(&mut run.expected).into_iter();
    for record in records {
        let (kind, exact) = expected.next().expect("an event for each point");
        assert_eq!(record.get("memprobe"), Some(kind));
        let prefix = if kind == "exit" { "call_" } else { "" };
        let ours = |name: &str| record.number(&format!("{prefix}{name}"));
        assert_eq!(ours("allocated"), exact.allocated as i64, "{record:?}");
        assert_eq!(ours("freed"), exact.freed as i64, "{record:?}");
        assert_eq!(ours("net"), exact.net(), "{record:?}");
        (run.compare)(ours("peak") as u64, &exact, run.smallest);
        if kind == "exit" {
            assert_eq!(record.number("held"), exact.net(), "{record:?}");
        }
    }
    assert_eq!(expected.next(), None, "a point without an event");
}

/// Peaks under memprobe's own allocator: never over, at most 64 KiB under, and exact where
/// blocks are that large.
#[allow(dead_code, reason = "each scenario that includes this file compares in its own way")]
pub fn peaks_are_exact(ours: u64, exact: &Figures, smallest: usize) {
    assert!(ours <= exact.peak, "peak {ours} is over {exact:?}");
    if smallest >= 64 << 10 {
        assert_eq!(ours, exact.peak, "peaks of large blocks are exact: {exact:?}");
    } else {
        assert!(exact.peak - ours <= 64 << 10, "peak {ours} is far under {exact:?}");
    }
}

/// Runs all sizes.
pub fn run(compare_peaks: Compare) {
    Recorder::install();
    for smallest in [16, 700, 9 << 10, 40 << 10, 64 << 10, 1 << 20] {
        let mut run = Run {
            random: 0x9e37_79b9_7f4a_7c15 ^ smallest as u64,
            smallest,
            compare: compare_peaks,
            scopes: 0,
            probes: 0,
            blocks: Vec::with_capacity(64),
            expected: Vec::new(),
            depth: 0,
        };
        while run.scopes < 10_000 {
            run.expected.reserve(100_000);
            nested(&mut run);
            compare(&mut run);
        }
        println!("{smallest} B and more: {} scopes, {} probes", run.scopes, run.probes);
        assert!(run.probes > 5_000);
    }
}
