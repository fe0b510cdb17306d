//! Lists the calls that run now.

use std::time::Duration;

use crate::runtime::calls::snapshot;
use crate::runtime::calls::snapshot::RunningCall;
use crate::runtime::calls::stack;
use crate::runtime::readings::thread::for_caller;
use crate::runtime::readings::{clock, jemalloc};
use crate::values::in_flight::InFlight;

/// Returns the calls that run now, those that hold the most first. It may be called from any thread
/// at any time, and waits for no lock that a call takes.
///
/// The figures of a call on another thread are as of its last point, its last nested call or its
/// last `await`.
///
/// # Examples
///
/// ```
/// for call in memprobe::in_flight() {
///     // app::upload: 1.2 MiB, with nested calls 3.0 MiB, peak 8.1 MiB (217 ms, after 'decoded'),
///     // call 17
///     println!("{call}");
/// }
/// ```
pub fn in_flight() -> Vec<InFlight> {
    stack::publish_held();
    for_caller(list)
}

/// Returns the list. What it allocates counts for the call around it, unless allocations are ignored.
pub(crate) fn list() -> Vec<InFlight> {
    let mut room = 64;
    loop {
        let mut list = Vec::with_capacity(room);
        let mut count = 0;
        let now = clock::coarse();
        snapshot::each_running(|call| {
            count += 1;
            // The list must not grow here, where nothing may allocate.
            if list.len() < list.capacity() {
                list.push(in_flight_at(&call, now));
            }
        });
        if count <= list.capacity() {
            list.sort_by_key(|call| std::cmp::Reverse((call.held, call.age)));
            return list;
        }
        room = count + count / 4;
    }
}

fn in_flight_at(call: &RunningCall, now: u64) -> InFlight {
    let is_global = jemalloc::is_global();
    InFlight {
        function: call.position.node.site.name(),
        call_id: call.call_id,
        last_label: call.position.after,
        age: Duration::from_nanos(now.saturating_sub(call.started)),
        held: is_global.then_some(call.own),
        net: is_global.then_some(call.net),
        peak: is_global.then_some(call.peak.max(0) as u64),
    }
}
