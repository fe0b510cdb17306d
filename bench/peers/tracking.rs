//! The tracker of `tracking-allocator`, for the programs that it is compared in.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tracking_allocator::{AllocationGroupId, AllocationRegistry, AllocationTracker};

/// Counts the bytes of all groups, as the tracker of its own example does.
struct Sum(AtomicUsize);

impl AllocationTracker for Sum {
    fn allocated(&self, _: usize, _: usize, wrapped: usize, _: AllocationGroupId) {
        self.0.fetch_add(wrapped, Relaxed);
    }

    fn deallocated(
        &self,
        _: usize,
        _: usize,
        wrapped: usize,
        _: AllocationGroupId,
        _: AllocationGroupId,
    ) {
        self.0.fetch_sub(wrapped, Relaxed);
    }
}

/// Tracks from now on.
pub fn start() {
    let _ = AllocationRegistry::set_global_tracker(Sum(AtomicUsize::new(0)));
    AllocationRegistry::enable_tracking();
}
