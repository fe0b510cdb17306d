//! The part of the watch's line that says who owns the live memory.

use std::fmt::{self, Display};

use crate::runtime::stats::live::owner::Owner;
use crate::runtime::stats::live::sums::Sum;
use crate::runtime::watch::line::{Name, Text, Tight};
use crate::runtime::watch::owners::{Group, Owners};

/// Most owners in a list.
const OWNERS: usize = 8;

/// Prints what an owner owns, and how much of that is of running calls.
struct Owns {
    owner: Owner,
    sum: Sum,
    running: u64,
}

impl Display for Owns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.owner {
            Owner::Call(position) => {
                let (function, after) = (Name(position.node.site.name()), Name(position.after));
                write!(f, "{function} after '{after}'")?;
            }
            Owner::NotAnnotated => f.write_str("(not annotated)")?,
            Owner::Memprobe => f.write_str("(subscriber)")?,
        }
        write!(f, " {}", Estimate(self.sum))?;
        match self.running {
            0 => Ok(()),
            running if running == self.sum.bytes => f.write_str(" (running)"),
            running => write!(f, " ({} running)", Tight(running)),
        }
    }
}

/// Prints an estimate and its standard error.
struct Estimate(Sum);

impl Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+-{}", Tight(self.0.bytes), Tight(self.0.error()))
    }
}

impl Text {
    /// Adds who owns the live memory. Returns `false`, and adds nothing, if that is not sampled.
    pub(super) fn add_owners(&mut self) -> bool {
        let Some(owners) = Owners::look() else { return false };
        let all = owners.by(Group::all).take(OWNERS);
        self.list(
            "owners",
            all.map(|group| Owns {
                owner: group.owner,
                sum: group.all(),
                running: group.running.bytes,
            }),
        );
        let finished = owners.by(|group| match group.owner {
            Owner::Call(_) => group.finished,
            Owner::NotAnnotated | Owner::Memprobe => Sum::default(),
        });
        self.list(
            "kept_by_finished_calls",
            finished.take(OWNERS).map(|group| Owns {
                owner: group.owner,
                sum: group.finished,
                running: 0,
            }),
        );
        self.add(format_args!(" not_in_annotated_code={}", Estimate(owners.not_annotated())));
        true
    }
}
