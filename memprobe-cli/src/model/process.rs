//! One process of a log.

use std::collections::BTreeMap;
use std::time::Duration;

use foldhash::{HashMap, HashMapExt as _};
use memprobe::process::LimitSource;
use memprobe::{__builder::Builder, Limit};

use crate::model::Place;
use crate::model::calls::Open;
use crate::model::recent::Recent;
use crate::model::trend::Trend;
use crate::parse::event::{Event, Kind};
use crate::parse::kill::Kill;
use crate::parse::origin::Origin;
use crate::parse::watch::Crossing;

/// A process, told apart from others by its stream and by when it started.
#[derive(Debug)]
pub struct Process {
    /// The log, without what rotation adds to its name.
    pub log: &'static str,
    pub origin: Origin,
    /// Time of day at which it started, in µs since 1970.
    started: Option<i64>,
    /// Time of day and uptime of its last event.
    pub last_at: Option<i64>,
    pub last_uptime_us: Option<u64>,
    first_uptime_us: Option<u64>,
    pub events: u64,
    pub builder: Builder,
    /// Calls that run. Those that are left at the end never ended.
    pub open: HashMap<u64, Open>,
    /// How many calls of each function run.
    pub(super) running: HashMap<&'static str, u64>,
    pub trends: BTreeMap<&'static str, Trend>,
    pub(super) recent: Recent,
    /// The last line of its watch, and where.
    pub crossing: Option<(Crossing, Place)>,
    pub crossings: u64,
    pub death: Option<Death>,
    has_cgroup: bool,
}

/// What says that a process was killed.
#[derive(Clone, Debug)]
pub struct Death {
    pub at: Option<i64>,
    pub words: &'static str,
    pub place: Place,
}

/// Time between the reading of a clock and the writing of a line, or between two clocks, that does
/// not tell two processes apart, in µs.
const JITTER: i64 = 2_000_000;

/// Time between two events that threads may write in the wrong order, in µs.
const RACE: u64 = 50_000;

impl Origin {
    /// Returns what tells processes apart: the stream, the host and the id.
    pub(super) fn stream_alone(self) -> Origin {
        Origin { release: "", ..self }
    }
}

impl Process {
    pub(super) fn new(
        log: &'static str,
        origin: Origin,
        at: Option<i64>,
        uptime_us: Option<u64>,
    ) -> Process {
        Process {
            log,
            origin,
            started: started(at, uptime_us),
            last_at: at,
            last_uptime_us: uptime_us,
            first_uptime_us: uptime_us,
            events: 0,
            builder: Builder::default(),
            open: HashMap::new(),
            running: HashMap::new(),
            trends: BTreeMap::new(),
            recent: Recent::default(),
            crossing: None,
            crossings: 0,
            death: None,
            has_cgroup: false,
        }
    }

    /// Whether an event at this time of day, of a process of this age, can be of this process.
    pub(super) fn fits(&self, at: Option<i64>, uptime_us: Option<u64>) -> bool {
        let Some(uptime) = uptime_us else { return true };
        let Some(last) = self.last_uptime_us else { return true };
        if self.death.is_some() && uptime < last {
            return false;
        }
        let is_later = uptime.saturating_add(JITTER as u64) >= last;
        match (self.started, started(at, uptime_us)) {
            // The clock of an environment that is frozen stands still, so the start seems to be later.
            (Some(ours), Some(theirs)) => {
                theirs.saturating_sub(ours).saturating_abs() <= JITTER
                    || theirs > ours && uptime >= last && self.death.is_none()
            }
            _ => is_later,
        }
    }

    /// Whether the call that an event is of can run here: no other call has its id.
    pub(super) fn fits_call(&self, event: &Event) -> bool {
        // The first call of a process that was started anew, soon after the last. Threads may write
        // their first calls in another order than that of their ids.
        let is_first = event.kind == Some(Kind::Entry) && event.call_id == Some(1);
        let later = |first: Option<u64>, then: Option<u64>| {
            first.zip(then).is_some_and(|(first, then)| then > first.saturating_add(RACE))
        };
        let is_another = later(event.uptime_us, self.last_uptime_us)
            || later(self.first_uptime_us, event.uptime_us);
        if is_first && is_another && !self.recent.has(event) {
            return false;
        }
        let Some(open) = event.call_id.and_then(|id| self.open.get(&id)) else { return true };
        let uptime = event.uptime_us.unwrap_or(0);
        open.function == event.function
            && match event.kind {
                // The same line once more.
                Some(Kind::Entry) => open.entered_us == uptime,
                _ => uptime >= open.entered_us,
            }
    }

    /// Whether the call that an event is of runs here.
    pub(super) fn has_call(&self, event: &Event) -> bool {
        event.call_id.is_some_and(|id| self.open.contains_key(&id)) && self.fits_call(event)
    }

    /// Returns the time of day at this age of the process.
    pub fn time_of(&self, uptime_us: u64) -> Option<i64> {
        self.started?.checked_add_unsigned(uptime_us)
    }

    /// Takes what every event tells of the process.
    pub(super) fn see(&mut self, event: &Event) {
        self.events += 1;
        self.started = self.started.or(started(event.at, event.uptime_us));
        self.last_at = event.at.max(self.last_at);
        self.last_uptime_us = event.uptime_us.max(self.last_uptime_us);
        self.first_uptime_us = self.first_uptime_us.or(event.uptime_us);
        let process = &mut self.builder.process;
        process.rss = event.rss.or(process.rss);
        process.peak_rss = process.peak_rss.max(event.rss).max(event.peak_rss);
        if let Some(cgroup) = event.cgroup {
            self.has_cgroup = true;
            process.cgroup_usage = Some(cgroup);
            process.cgroup_usage_max = process.cgroup_usage_max.max(Some(cgroup));
        }
        if let Some(bytes) = event.limit {
            let mut limit = Limit::from_bytes(bytes);
            limit.source = LimitSource::Log { is_cgroup: self.has_cgroup };
            process.limit = Some(limit);
        }
        if let Some(uptime_us) = event.uptime_us {
            let elapsed = Duration::from_micros(uptime_us);
            self.builder.elapsed = self.builder.elapsed.max(elapsed);
        }
    }

    /// Adds to the timeline, after the segment that the event ends, which may explain it.
    pub(super) fn sample(&mut self, event: &Event) {
        if let Some(uptime_us) = event.uptime_us {
            let label = match event.kind {
                Some(Kind::Entry) => "entry",
                _ => event.label,
            };
            let readings = (event.rss, event.jemalloc_allocated);
            self.builder.add_sample(uptime_us, readings, (event.function, label));
        }
    }

    /// Takes a line of the watch; returns whether it is another than the last.
    pub(super) fn cross(&mut self, crossing: Crossing, place: Place) -> bool {
        let is_same = |(last, _): &(Crossing, Place)| last.text == crossing.text;
        if self.crossing.as_ref().is_some_and(is_same) {
            return false;
        }
        // The event of a crossing is written later than its line, and may come behind the next one.
        let is_older = self.crossing.as_ref().is_some_and(|(last, _)| last.at > crossing.at);
        if is_older {
            return false;
        }
        self.crossings += 1;
        let process = &mut self.builder.process;
        process.rss = crossing.rss.or(process.rss);
        process.peak_rss = process.peak_rss.max(crossing.rss);
        process.cgroup_usage = crossing.cgroup.or(process.cgroup_usage);
        process.cgroup_usage_max = process.cgroup_usage_max.max(crossing.cgroup);
        self.has_cgroup |= crossing.cgroup.is_some();
        // The line has its figures rounded.
        if let Some(bytes) = process.limit.as_ref().map(|limit| limit.bytes).or(crossing.limit) {
            let mut limit = Limit::from_bytes(bytes);
            limit.source = LimitSource::Log { is_cgroup: self.has_cgroup };
            process.limit = Some(limit);
        }
        self.crossing = Some((crossing, place));
        true
    }

    pub(super) fn kill(&mut self, kill: &Kill, place: Place) {
        self.death.get_or_insert(Death { at: kill.at, words: kill.words, place });
    }

    pub(super) fn finish(&mut self) {
        self.running.clear();
    }

    /// Returns its age at the last sign of it, in µs: an event, or a line of its watch.
    pub fn last_sign(&self) -> u64 {
        let crossed = self.crossing.as_ref().and_then(|(crossing, _)| crossing.at);
        let age = crossed.zip(self.started).map(|(at, started)| at.saturating_sub(started));
        self.last_uptime_us.max(age.and_then(|age| u64::try_from(age).ok())).unwrap_or(0)
    }

    /// Returns whether the process is known to have been killed, or was about to be when its log
    /// ended.
    pub fn is_dead(&self) -> bool {
        self.death.is_some()
    }

    /// Returns its id: that of its lines, or the one in a line of its watch.
    pub fn pid(&self) -> Option<u32> {
        let of_watch = || self.crossing.as_ref().and_then(|(crossing, _)| crossing.pid);
        self.origin.pid.or_else(of_watch)
    }

    /// Returns a name for people: the stream, the host, the id, or the log.
    pub fn name(&self) -> String {
        let Origin { stream, host, .. } = self.origin;
        let mut parts: Vec<String> = Vec::new();
        parts.extend([host, stream].into_iter().filter(|part| !part.is_empty()).map(str::to_owned));
        parts.extend(self.pid().map(|pid| format!("pid {pid}")));
        if stream.is_empty() && host.is_empty() {
            parts.insert(0, self.log.to_owned());
        }
        parts.join(" ")
    }

    /// Returns when it started, in µs since 1970.
    pub fn started(&self) -> Option<i64> {
        self.started
    }
}

fn started(at: Option<i64>, uptime_us: Option<u64>) -> Option<i64> {
    at?.checked_sub_unsigned(uptime_us?)
}
