//! What `tracing_subscriber`'s text form shows, figures masked.

use memprobe::{memprobe, probe};
use memprobe_tests::output::{Output, mask};

memprobe::global_allocator!();

#[memprobe]
fn inner() {
    probe!("looked");
}

#[memprobe]
fn handler(rows: &[u64]) -> usize {
    let copy = rows.to_vec();
    probe!("copied", rows = copy.len(), first = ?copy.first(), shown = %"yes", type = "t");
    inner();
    copy.len()
}

#[memprobe(name = "a name that is far longer than any line has room for, by a good measure")]
fn long() {
    probe!("a label that is also far longer than any line has room for it to be");
    probe!("ünïcödé\nand lines");
}

const EVENTS: &str = "\
\x20INFO request{id=#}: memprobe::events_text: handler: entered; rss # U \
memprobe=\"entry\" function=\"events_text::handler\" call_id=# uptime_us=# rss=# \
jemalloc_allocated=# jemalloc_active=# jemalloc_resident=# jemalloc_metadata=#
 INFO request{id=#}: memprobe::events_text: handler: entry -> copied: peak +# U, kept +# U, \
holds # U; rss # U (+# U) memprobe=\"probe\" function=\"events_text::handler\" \
from=\"entry\" label=\"copied\" rows=# first=Some(#) shown=yes type=\"t\" call_id=# \
uptime_us=# peak=# net=# held=# allocated=# freed=# rss=# jemalloc_allocated=# \
jemalloc_active=# jemalloc_resident=# jemalloc_metadata=#
 INFO request{id=#}: memprobe::events_text: inner: entered; rss # U \
memprobe=\"entry\" function=\"events_text::inner\" call_id=# parent_id=# uptime_us=# rss=# \
jemalloc_allocated=# jemalloc_active=# jemalloc_resident=# jemalloc_metadata=#
 INFO request{id=#}: memprobe::events_text: inner: entry -> looked: peak +# U, kept +# U, \
holds # U; rss # U (+# U) memprobe=\"probe\" function=\"events_text::inner\" \
from=\"entry\" label=\"looked\" call_id=# parent_id=# uptime_us=# peak=# net=# held=# \
allocated=# freed=# rss=# jemalloc_allocated=# jemalloc_active=# jemalloc_resident=# \
jemalloc_metadata=#
 INFO request{id=#}: memprobe::events_text: inner: returned after # T: peak # U, kept +# U; \
rss # U, highest # U memprobe=\"exit\" function=\"events_text::inner\" from=\"looked\" \
label=\"return\" call_id=# parent_id=# uptime_us=# peak=# net=# held=# allocated=# freed=# \
rss=# jemalloc_allocated=# jemalloc_active=# jemalloc_resident=# jemalloc_metadata=# \
outcome=\"returned\" duration_us=# call_peak=# call_net=# call_allocated=# call_freed=# \
peak_rss=# cold=true
 INFO request{id=#}: memprobe::events_text: handler: returned after # T: peak # U in \
entry -> copied, kept +# U; rss # U, highest # U memprobe=\"exit\" \
function=\"events_text::handler\" from=\"copied\" label=\"return\" call_id=# uptime_us=# \
peak=# net=+# held=# allocated=# freed=# rss=# jemalloc_allocated=# jemalloc_active=# \
jemalloc_resident=# jemalloc_metadata=# outcome=\"returned\" duration_us=# call_peak=# \
call_peak_from=\"entry\" call_peak_label=\"copied\" call_net=# call_allocated=# call_freed=# \
peak_rss=# cold=true
";

#[test]
fn events_read_as_documented() {
    let output = Output::default();
    tracing_subscriber::fmt().with_writer(output.clone()).without_time().with_ansi(false).init();

    tracing::info_span!("request", id = 7).in_scope(|| handler(&[1; 1000]));
    assert_eq!(mask(&output.take()), EVENTS);

    long();
    let lines = output.lines();
    assert_eq!(lines.len(), 4);
    for line in lines {
        let (_, line) = line.split_once("memprobe::events_text: ").expect("the target");
        let (message, _) = line.split_once(" memprobe=\"").expect("the fields");
        assert!(message.len() <= 140, "{}: {message}", message.len());
        assert!(message.is_ascii() && !message.contains('\n'), "{message}");
        assert!(message.contains("rss "), "the figures have room: {message}");
        assert!(line.contains("room for, by a good measure"), "the field is whole: {line}");
    }

    probe!("outside");
    let line = output.take();
    assert_eq!(
        mask(&line),
        " INFO memprobe::events_text: events_read_as_documented: outside; rss # U \
         memprobe=\"snapshot\" function=\"events_text::events_read_as_documented\" \
         label=\"outside\" uptime_us=# rss=# jemalloc_allocated=# jemalloc_active=# \
         jemalloc_resident=# jemalloc_metadata=#\n"
    );
}
