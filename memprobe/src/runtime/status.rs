//! Finds out what memprobe has to work with in this program.

use crate::runtime::events::callsite::{Callsite, reached_and_wanted};
use crate::runtime::events::ceiling;
use crate::runtime::readings::{jemalloc, pages, resident, system, thread};
use crate::runtime::sampling;
use crate::runtime::watch::setup;
use crate::values::status::{Events, GlobalAllocator, Pages, Reading, Status};

/// Returns what memprobe has to work with in this program; its text says what to add.
///
/// # Examples
///
/// ```
/// eprintln!("{}", memprobe::status());
/// ```
pub fn status() -> Status {
    thread::for_caller(find)
}

fn find() -> Status {
    let global = jemalloc::is_global();
    let allocator = match (global, thread::is_realloc_seen()) {
        (false, _) => GlobalAllocator::Other,
        (true, false) => GlobalAllocator::Jemalloc,
        (true, true) => GlobalAllocator::Memprobe,
    };
    let process = system::process();
    let readings = [
        ("thread.allocated", global),
        ("thread.deallocated", global),
        ("thread.peak", global && jemalloc::Peak::get().is_some()),
        ("stats", process.heap.is_some()),
        (resident::RSS, process.rss.is_some()),
        (resident::PEAK_RSS, process.peak_rss.is_some()),
    ]
    .map(|(name, available)| Reading { name, available });
    Status {
        enabled: true,
        allocator,
        jemalloc: jemalloc::version(),
        readings: readings.into(),
        pages: jemalloc::page()
            .map(|of_jemalloc| Pages { of_jemalloc, of_kernel: pages::kernel_page() as u64 }),
        limit: process.limit,
        events: events(),
        rate: ceiling::a_second(),
        watch: setup::mode(),
        sampling: sampling::state(),
    }
}

fn events() -> Events {
    // Stands for all callsites of the default level, also before any was reached.
    static SAMPLE: Callsite = Callsite::new(
        "memprobe::status",
        tracing::Level::INFO,
        (file!(), line!(), module_path!()),
        &["message"],
    );
    let sample = SAMPLE.is_wanted();
    let (reached, wanted) = reached_and_wanted();
    let (reached, wanted) = (reached.saturating_sub(1), wanted.saturating_sub(sample.into()));
    if sample || wanted > 0 {
        Events::Wanted { wanted, reached }
    } else if tracing::dispatcher::has_been_set() {
        Events::Unwanted
    } else {
        Events::NoSubscriber
    }
}
