//! Which events are taken into account.

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
    /// Whether a line of this time is taken into account. One without a time is.
    pub fn is_in_time(&self, at: Option<i64>) -> bool {
        at.is_none_or(|at| {
            self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at <= until)
        })
    }

    /// Whether the calls of a function are taken into account.
    pub fn takes(&self, function: &str) -> bool {
        let has_part = |part: &String| function.contains(part.as_str());
        self.functions.is_empty() || self.functions.iter().any(has_part)
    }
}
