//! The calls that run now, as a list.

use std::collections::HashMap;
use std::time::Duration;

use crate::meter::{self, Quiet};
use crate::running::InFlight;
use crate::{clock, flight, jemalloc};

/// The calls that run now, those that hold the most first. May be asked from any thread at
/// any time: waits for no lock that a call takes.
///
/// What a call of another thread holds is as of its last point, or of its last nested call,
/// or of its last `await`.
///
/// ```
/// for call in memprobe::in_flight() {
///     // app::upload: 1.2 MiB, with nested calls 3.0 MiB, peak 8.1 MiB (217 ms, after 'decoded'), call 17
///     println!("{call}");
/// }
/// ```
pub fn in_flight() -> Vec<InFlight> {
    meter::show_held();
    let quiet = Quiet::begin();
    let list = list();
    drop(quiet);
    // What the asking function gets is its own; what was needed to make it is not.
    let theirs = list.clone();
    let _quiet = Quiet::begin();
    drop(list);
    theirs
}

fn list() -> Vec<InFlight> {
    let now = clock::coarse();
    let calls: Vec<_> = flight::running().collect();
    let mut shared: HashMap<_, i64> = HashMap::new();
    for call in &calls {
        if let Some((caller, bytes)) = call.shared() {
            *shared.entry(caller).or_default() += bytes;
        }
    }
    let is_global = jemalloc::is_global();
    let mut list: Vec<InFlight> = calls
        .iter()
        .map(|call| InFlight {
            function: call.stage.node.site.name(),
            call_id: call.call_id,
            after: call.stage.after,
            age: Duration::from_nanos(now.saturating_sub(call.started)),
            held: is_global.then(|| call.held - shared.get(&call.id()).unwrap_or(&0)),
            net: is_global.then_some(call.held),
            peak: is_global.then_some(call.peak.max(call.held).max(0) as u64),
        })
        .collect();
    list.sort_by_key(|call| std::cmp::Reverse((call.held, call.age)));
    list
}
