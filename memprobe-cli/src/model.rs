//! What the events of a log add up to: processes, their calls, and how they ended.

pub mod calls;
mod filter;
mod group;
mod heaviest;
pub mod process;
mod recent;
pub mod trend;

use foldhash::{HashMap, HashMapExt as _};

use crate::input::Item;
use crate::parse::event::{Event, Kind};
use crate::parse::kill::Kill;
use crate::parse::origin::Origin;
use crate::parse::{Found, Record};

pub use calls::{CallRow, Outcome};
pub use filter::Filter;
pub use group::{By, Group, groups};
pub use heaviest::{Heaviest, Order};
pub use process::{Death, Process};

/// Most processes that are told apart; the calls of further ones are summed up in the last.
pub const PROCESSES: usize = 1000;
/// Most rows of all reports together: calling contexts and their segments. An event of a further
/// row is counted and not summed.
pub const ROWS: usize = 200_000;
/// Most calls that are open at once, over all processes. Of further ones the exit is still summed.
pub const OPEN: usize = 100_000;
/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub processes: usize,
    pub rows: usize,
    pub open: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { processes: PROCESSES, rows: ROWS, open: OPEN }
    }
}

/// Most lines that are shown of those that cannot be read.
pub const SHOWN: usize = 10;

/// Where a line stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Index of the source.
    pub source: usize,
    pub line: u64,
}

/// A line that cannot be read.
#[derive(Clone, Debug)]
pub struct Unreadable {
    pub place: Place,
    pub why: Box<str>,
    pub text: Box<str>,
}

/// How many lines were what. Every line of ours is in one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub events: u64,
    pub crossings: u64,
    pub kills: u64,
    /// Kills of which no process is known to be meant.
    pub kills_of_others: u64,
    pub unreadable: u64,
    pub duplicates: u64,
    pub not_utf8: u64,
    /// Events of calls whose entry is not in the log.
    pub without_entry: u64,
    /// Events that there was no room for.
    pub beyond_room: u64,
    /// Calls that memprobe says it did not write, because of its rate.
    pub skipped: u64,
    /// Lines that a filter left out.
    pub filtered: u64,
}

/// All that was read.
#[derive(Debug)]
pub struct Model {
    pub processes: Vec<Process>,
    /// The processes of each log and stream, by index.
    streams: HashMap<(&'static str, Origin), Vec<usize>>,
    pub heaviest: Heaviest,
    /// The calls of a trace, if one is wanted.
    pub traced: Option<Heaviest>,
    pub filter: Filter,
    pub limits: Limits,
    pub counts: Counts,
    pub unreadable: Vec<Unreadable>,
    rows: usize,
    open: usize,
    /// The source and the time of the last event, and how many were older than the one before.
    last: (usize, i64),
    backwards: u64,
}

impl Model {
    /// Returns an empty model that keeps so many single calls.
    pub fn new(heaviest: Heaviest, filter: Filter) -> Model {
        Model {
            processes: Vec::new(),
            streams: HashMap::new(),
            heaviest,
            traced: None,
            filter,
            limits: Limits::default(),
            counts: Counts::default(),
            unreadable: Vec::new(),
            rows: 0,
            open: 0,
            last: (0, 0),
            backwards: 0,
        }
    }

    /// Adds what was found in a line of the log `log`, which is the source of this index.
    pub fn add(&mut self, (source, log): (usize, &'static str), item: Item) {
        let place = Place { source, line: item.line };
        match item.found {
            Found::NotUtf8 => self.counts.not_utf8 += 1,
            Found::Unreadable(why) => {
                self.counts.unreadable += 1;
                if self.unreadable.len() < SHOWN {
                    let text = item.text.unwrap_or_default();
                    self.unreadable.push(Unreadable { place, why: why.into(), text });
                }
            }
            Found::Record(origin, record) => self.record(log, origin, record, place),
        }
    }

    fn record(&mut self, log: &'static str, origin: Origin, record: Record, place: Place) {
        match record {
            Record::Event(event) => {
                if event.kind == Some(Kind::Warning) {
                    return self.counts.events += 1;
                }
                let age = || event.uptime_us.and_then(|uptime| i64::try_from(uptime).ok());
                let now = (place.source, event.at.or_else(age).unwrap_or(0));
                self.backwards += u64::from(now.0 == self.last.0 && now.1 < self.last.1);
                self.last = now;
                let at = self.process(log, origin, &event);
                let process = &mut self.processes[at];
                if !process.recent.is_new(&event) {
                    return self.counts.duplicates += 1;
                }
                self.counts.events += 1;
                if !self.filter.is_in_time(event.at.or_else(|| process.time_of(event.uptime_us?))) {
                    self.counts.filtered += 1;
                    // A call that ends later has ended all the same.
                    self.open -= usize::from(process.forget(&event));
                    return;
                }
                process.see(&event);
                if !self.filter.takes(event.function) {
                    self.counts.filtered += 1;
                    return process.sample(&event);
                }
                let skipped = event.skipped.filter(|_| event.kind == Some(Kind::Entry));
                self.counts.skipped = self.counts.skipped.saturating_add(skipped.unwrap_or(0));
                let (rows, open) = (process.builder.rows(), process.open.len());
                let room = calls::Room {
                    rows: self.rows < self.limits.rows,
                    open: self.open < self.limits.open,
                };
                let told = process.add(&event, place, room);
                process.sample(&event);
                self.rows += process.builder.rows() - rows;
                self.open = (self.open + process.open.len()).saturating_sub(open);
                self.counts.beyond_room += u64::from(told.beyond_room);
                self.counts.without_entry += u64::from(told.without_entry);
                if let Some(row) = told.call {
                    self.keep(CallRow { process: at, ..row });
                }
            }
            Record::Crossing(crossing) => {
                if !self.filter.is_in_time(crossing.at) {
                    self.counts.crossings += 1;
                    self.counts.filtered += 1;
                    return;
                }
                let at = self.process_of_crossing(log, origin, &crossing);
                if self.processes[at].cross(*crossing, place) {
                    self.counts.crossings += 1;
                }
            }
            Record::Kill(kill) => {
                self.counts.kills += 1;
                if !self.filter.is_in_time(kill.at) {
                    self.counts.filtered += 1;
                    return;
                }
                match self.process_of_kill(log, origin, &kill) {
                    Some(at) => self.processes[at].kill(&kill, place),
                    None => self.counts.kills_of_others += 1,
                }
            }
        }
    }

    fn keep(&mut self, call: CallRow) {
        if let Some(traced) = &mut self.traced {
            traced.add(call.clone());
        }
        self.heaviest.add(call);
    }

    /// Returns the index of the process that an event is of.
    fn process(&mut self, log: &'static str, origin: Origin, event: &Event) -> usize {
        let stream = (log, origin.stream_alone());
        let processes = self.streams.get(&stream).map_or(&[][..], Vec::as_slice);
        let mut fitting = processes.iter().rev().copied().filter(|&index| {
            self.processes[index].fits(event.at, event.uptime_us)
                && self.processes[index].fits_call(event)
        });
        // Mostly it is the one of the line before.
        let first = fitting.next();
        let has_call = |&index: &usize| self.processes[index].has_call(event);
        let found = first.filter(has_call).or_else(|| fitting.find(has_call)).or(first);
        if let Some(found) = found {
            return found;
        }
        if self.processes.len() >= self.limits.processes {
            return self.processes.len() - 1;
        }
        let index = self.processes.len();
        self.streams.entry(stream).or_default().push(index);
        self.processes.push(Process::new(log, origin, event.at, event.uptime_us));
        index
    }

    fn process_of_crossing(
        &mut self,
        log: &'static str,
        origin: Origin,
        crossing: &crate::parse::watch::Crossing,
    ) -> usize {
        let known = self.streams.get(&(log, origin.stream_alone()));
        let known = known.into_iter().flatten().rev().copied();
        let is_it = |index: usize| {
            let process = &self.processes[index];
            let pid = process.pid();
            process.death.is_none() && (pid.is_none() || pid == crossing.pid)
        };
        if let Some(index) = known.into_iter().find(|&index| is_it(index)) {
            return index;
        }
        if self.processes.len() >= self.limits.processes {
            return self.processes.len() - 1;
        }
        let index = self.processes.len();
        self.streams.entry((log, origin.stream_alone())).or_default().push(index);
        self.processes.push(Process::new(log, origin, None, None));
        index
    }

    /// Returns the index of the process that was killed. `None` if it may be one that memprobe was
    /// not in.
    fn process_of_kill(&self, log: &'static str, origin: Origin, kill: &Kill) -> Option<usize> {
        let is_meant = |process: &Process| kill.pid.is_some() && process.pid() == kill.pid;
        if let Some(index) = self.processes.iter().rposition(is_meant) {
            return Some(index);
        }
        let may_be = |(_, process): &(usize, &Process)| {
            let Origin { host, .. } = process.origin;
            process.log == log
                && (host.is_empty() || origin.host.is_empty() || host == origin.host)
                // In a container the first process is 1, and the kernel names another id.
                && (kill.pid.is_none() || process.pid().is_none_or(|pid| pid == 1))
        };
        let possible: Vec<(usize, &Process)> =
            self.processes.iter().enumerate().filter(may_be).collect();
        // A collector may deliver the message in another stream than that of the process.
        let named = possible.iter().rfind(|(_, process)| kill.names(process.origin.stream));
        if let Some(&(index, _)) = named {
            return Some(index);
        }
        let other = kill.name.unwrap_or(origin.stream);
        let mut unnamed = possible.iter().rev().filter(|(_, process)| {
            let stream = process.origin.stream;
            stream == origin.stream || stream.is_empty() && kill.name.is_some() || other.is_empty()
        });
        let &(last, process) = unnamed.next()?;
        let is_alike = |(_, other): &(usize, &Process)| {
            (other.origin.stream, other.origin.host) == (process.origin.stream, process.origin.host)
        };
        unnamed.all(is_alike).then_some(last)
    }

    /// Whether the newest events come first, as some log stores give them.
    pub fn is_backwards(&self) -> bool {
        self.counts.events >= 4 && self.backwards * 10 >= (self.counts.events - 1) * 9
    }

    /// Closes the reading: what is still open has not ended.
    pub fn finish(&mut self) {
        for at in 0..self.processes.len() {
            self.processes[at].finish();
            let open: Vec<CallRow> = self.processes[at].never_ended().collect();
            for row in open {
                self.keep(CallRow { process: at, ..row });
            }
        }
    }
}
