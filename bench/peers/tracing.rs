//! `tracing::instrument`, without a subscriber, or (`fmt`) with one that writes to a sink.

use memprobe_bench::{compare_workloads, workloads};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

workloads!(plain);
workloads!(with, #[tracing::instrument(skip_all)]);

fn main() {
    if std::env::args().nth(1).as_deref() == Some("fmt") {
        use tracing_subscriber::fmt::format::FmtSpan;
        // Else it writes nothing: an instrumented function is a span, not an event.
        let spans = FmtSpan::NEW | FmtSpan::CLOSE;
        tracing_subscriber::fmt().with_writer(std::io::sink).with_span_events(spans).init();
    }
    compare_workloads!();
}
