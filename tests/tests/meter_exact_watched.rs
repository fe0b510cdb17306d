//! Random nested scopes while a watch is asked before each large `realloc`: the figures are
//! those of `meter_exact.rs`, to the byte.

mod random_scopes;

use memprobe::watch::WatchMode;
use memprobe::{Limit, Watch};

#[global_allocator]
static ALLOCATOR: memprobe_tests::exact::Exact<memprobe::Allocator> =
    memprobe_tests::exact::Exact(memprobe::Allocator);

#[test]
fn figures_are_exact() {
    // So small a limit that it always has to look.
    let mode = Watch::new().limit(Limit::from_bytes(1 << 20)).install();
    assert_eq!(mode, Ok(WatchMode::Hook));
    random_scopes::run(random_scopes::peaks_are_exact);
}
