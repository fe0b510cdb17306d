//! The names of the fields that memprobe writes itself.

const RESERVED: [&str; 32] = [
    "message",
    "memprobe",
    "function",
    "from",
    "label",
    "call_id",
    "parent_id",
    "uptime_us",
    "peak",
    "net",
    "held",
    "allocated",
    "freed",
    "rss",
    "cgroup",
    "limit",
    "jemalloc_allocated",
    "jemalloc_active",
    "jemalloc_resident",
    "jemalloc_metadata",
    "skipped",
    "outcome",
    "duration_us",
    "call_peak",
    "call_peak_from",
    "call_peak_label",
    "call_net",
    "call_allocated",
    "call_freed",
    "peak_rss",
    "cold",
    "why",
];

pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

#[cfg(test)]
mod tests {
    use memprobe::__private::fields;

    use super::RESERVED;

    #[test]
    fn they_are_the_fields_of_all_events_in_a_call() {
        let events: [&[&str]; 3] = [fields!(entry), fields!(probe), fields!(exit)];
        let mut written = events.concat();
        written.sort_unstable();
        written.dedup();
        let mut reserved = RESERVED;
        reserved.sort_unstable();
        assert_eq!(reserved.as_slice(), written);
    }
}
