//! Which events are taken into account.

use crate::model::process::Process;
use crate::parse::event::Event;

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Functions whose path has one of these in it; none for all.
    pub functions: Vec<String>,
    /// Time of day, in µs since 1970.
    pub since: Option<i64>,
    pub until: Option<i64>,
}

impl Filter {
    /// Whether an event is taken into account. One without a time is.
    pub fn takes(&self, event: &Event, process: &Process) -> bool {
        let at = event.at.or_else(|| process.time_of(event.uptime_us?));
        let is_in_time = at.is_none_or(|at| {
            self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at <= until)
        });
        let has_part = |part: &String| event.function.contains(part.as_str());
        is_in_time && (self.functions.is_empty() || self.functions.iter().any(has_part))
    }
}
