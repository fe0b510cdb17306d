//! Holds what memprobe says of the live blocks against what is true.
//!
//! Each sampled block is compared with the block at its address: that is exact. The rows are
//! estimates, and each is judged by the error that it gives itself. That error is estimated as well:
//! it is too small where an estimate is too low, so that of rows with 20 samples 1.1 in 100 are off
//! by more than three, and of rows with 40 and more, 0.4. Therefore a row is judged by itself if 40 samples
//! are to be expected. The others of a look are judged together, as if they were one row, with the
//! owners that have no sample. What is expected follows from the truth: to choose by the samples
//! that there are would be to choose the rows that are too high.

use std::collections::HashMap;

use memprobe::__private::{SampledBlock, sampled_blocks};
use memprobe::report::{Estimate, Live, OwnerKind};

use crate::blocks::{self, Known};
use crate::program::{LABELS, NAMES};
use crate::truth::{self, CARRIED, Owner, memprobes};

/// Expected samples from which on a row is judged by itself.
const ENOUGH: f64 = 40.0;

/// What is true of an owner.
#[derive(Clone, Copy, Default)]
struct Truth {
    running: u64,
    finished: u64,
    /// How many samples are to be expected.
    samples: f64,
}

#[derive(Debug, Default)]
pub struct Verdict {
    /// Blocks that were compared.
    pub blocks: usize,
    /// Those of carried work that were allocated while its call ended.
    pub at_the_end: usize,
    /// Rows that were judged by themselves, running and finished parts, and the rest of a look.
    pub judged: usize,
    pub far_off: Vec<String>,
    /// Sum of the squares of how many standard errors each was off: about `judged`.
    pub squares: f64,
    /// Largest number of standard errors.
    pub most: f64,
}

/// The owner as memprobe names it.
type Name = (OwnerKind, Vec<&'static str>, Option<&'static str>);

fn name(owner: Owner) -> Name {
    if owner.is_memprobe {
        return (OwnerKind::Memprobe, Vec::new(), None);
    }
    if owner.path == 0 {
        return (OwnerKind::NotAnnotated, Vec::new(), None);
    }
    let functions = owner.path.to_le_bytes().into_iter().filter(|&function| function != 0);
    let path = functions.map(|function| NAMES[usize::from(function) - 1]).collect();
    let after = if owner.after == CARRIED { "carried" } else { LABELS[usize::from(owner.after)] };
    (OwnerKind::Call, path, Some(after))
}

fn name_of(block: &SampledBlock) -> Name {
    match &block.path {
        None => (OwnerKind::Memprobe, Vec::new(), None),
        Some(path) if path.is_empty() => (OwnerKind::NotAnnotated, Vec::new(), None),
        Some(path) => (OwnerKind::Call, path.clone(), block.after),
    }
}

fn is_running(known: &Known) -> bool {
    !known.now.owner.is_memprobe && known.now.owner.path != 0 && truth::is_running(known.now.call)
}

/// Compares all blocks and all rows. All other threads must stand still.
///
/// # Panics
///
/// If a block is not its owner's, or a row is wrong and not only inexact.
pub fn compare(verdict: &mut Verdict) {
    let sampled = memprobes(sampled_blocks);
    compare_blocks(&sampled, verdict);
    // Before the look: it is an owner's too.
    let owners = HashMap::with_capacity(4096);
    let live = memprobes(memprobe::live).expect("it is sampled");
    compare_rows(&live, owners, verdict);
    memprobes(|| drop((sampled, live)));
}

fn compare_blocks(sampled: &[SampledBlock], verdict: &mut Verdict) {
    for block in sampled {
        let known = blocks::get(block.address);
        if block.path.is_none() {
            // memprobe's own may have been freed since, by the look itself. What it does when a
            // thread ends is not known to the test.
            let is_its_own = |known: Known| known.now.owner.is_memprobe || known.now.call == 0;
            assert!(known.is_none_or(is_its_own), "{block:?} is {known:?}");
            continue;
        }
        let known = known.unwrap_or_else(|| panic!("{block:?} is not live"));
        assert_eq!(name_of(block), name(known.now.owner), "{block:?} is {known:?}");
        assert_eq!(block.size, known.size, "{block:?} is {known:?}");
        if block.is_running != is_running(&known) {
            // Carried work belongs to its call until that ends, which the test and memprobe may see
            // on different sides of an allocation on another thread.
            assert!(truth::is_of_ended_carrier(known.now.call), "{block:?} is {known:?}");
            verdict.at_the_end += 1;
        }
        verdict.blocks += 1;
    }
}

fn compare_rows(live: &Live, mut owners: HashMap<Owner, Truth>, verdict: &mut Verdict) {
    let interval = live.interval as f64;
    blocks::each(|_, known| {
        let truth = owners.entry(known.now.owner).or_default();
        *(if is_running(known) { &mut truth.running } else { &mut truth.finished }) += known.size;
        truth.samples += -(-(known.size as f64) / interval).exp_m1();
    });
    assert!(owners.len() < 2048, "{} owners", owners.len());
    let mut truths: HashMap<Name, Truth> = HashMap::new();
    for (owner, truth) in owners {
        let sum = truths.entry(name(owner)).or_default();
        sum.running += truth.running;
        sum.finished += truth.finished;
        sum.samples += truth.samples;
    }
    // memprobe's own come and go while it looks.
    truths.retain(|(kind, ..), _| *kind != OwnerKind::Memprobe);
    let (mut rest, mut rest_truth) = (Estimate::default(), 0);
    let (mut rest_variance, mut rest_samples) = (0.0, 0.0);
    // An owner whose blocks have all been freed is listed for its history.
    let rows = live.owners.iter().filter(|row| row.live.samples > 0);
    for row in rows.filter(|row| row.kind != OwnerKind::Memprobe) {
        let name = (row.kind, row.path.clone(), row.after);
        let truth = truths.remove(&name).unwrap_or_else(|| panic!("{row} owns nothing"));
        assert_eq!(row.live.bytes, row.running.bytes + row.finished.bytes);
        assert_eq!(row.live.samples, row.running.samples + row.finished.samples);
        assert!(row.running.samples == 0 || truth.running > 0, "{row}: none runs");
        assert!(row.finished.samples == 0 || truth.finished > 0, "{row}: all run");
        let true_bytes = truth.running + truth.finished;
        if truth.samples >= ENOUGH {
            judge(&row.to_string(), row.live, true_bytes, verdict);
        } else {
            rest.bytes += row.live.bytes;
            rest.samples += row.live.samples;
            rest_truth += true_bytes;
            rest_samples += truth.samples;
            rest_variance += (row.live.error as f64).powi(2);
        }
    }
    // Owners of which no block was sampled.
    for ((kind, path, after), truth) in truths {
        let what = format!("{kind:?} {path:?} {after:?}");
        assert!(truth.samples < ENOUGH, "{what} is missing, with {}", truth.samples);
        rest_truth += truth.running + truth.finished;
        rest_samples += truth.samples;
    }
    if rest_samples >= ENOUGH {
        rest.error = rest_variance.sqrt() as u64;
        judge("the rest", rest, rest_truth, verdict);
    }
}

fn judge(what: &str, estimate: Estimate, truth: u64, verdict: &mut Verdict) {
    // Blocks that are always sampled have no error but that of rounding.
    let error = (estimate.error as f64).max(64.0);
    let off = (estimate.bytes as f64 - truth as f64).abs() / error;
    verdict.judged += 1;
    verdict.squares += off * off;
    verdict.most = verdict.most.max(off);
    if off > 3.0 {
        verdict.far_off.push(format!("{what}, truth {truth}: off by {off:.2} errors"));
    }
}

impl Verdict {
    /// Checks the sum of many comparisons. In most runs fewer than 1 % of the rows are off by more
    /// than 3 errors; the bound is twice that, because rows of one program have blocks in common,
    /// and chance makes several of them wrong at once.
    ///
    /// # Panics
    ///
    /// If more than 2 % of the rows are off by more than 3 errors, or there are too few rows.
    pub fn check(&self, least_rows: usize) {
        self.print();
        assert!(self.at_the_end <= self.blocks / 5000, "{} at the end", self.at_the_end);
        assert!(self.judged >= least_rows, "{} rows", self.judged);
        let part = self.far_off.len() as f64 / self.judged as f64;
        assert!(part <= 0.02, "{:.2} % are far off\n{}", 100.0 * part, self.far_off.join("\n"));
        // An error that is said to be larger than it is would pass all of the above.
        let mean = self.mean();
        assert!((0.8..1.3).contains(&mean), "the errors are not what they are said to be: {mean}");
    }

    /// Checks the sum of comparisons with so few rows that there is no counting those far off.
    ///
    /// # Panics
    ///
    /// If a row is off by more than 5 errors, which one in a million is, or there are too few rows.
    pub fn check_few(&self, least_rows: usize) {
        self.print();
        assert!(self.judged >= least_rows, "{} rows", self.judged);
        assert!(self.most <= 5.0, "{}", self.far_off.join("\n"));
    }

    fn mean(&self) -> f64 {
        (self.squares / self.judged as f64).sqrt()
    }

    fn print(&self) {
        println!(
            "{} blocks, {} as a call ended, {} rows, {} far off; {:.3} errors off in the root mean \
             square, {:.2} at most",
            self.blocks,
            self.at_the_end,
            self.judged,
            self.far_off.len(),
            self.mean(),
            self.most,
        );
    }
}
