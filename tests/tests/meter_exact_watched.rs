//! The same as `meter_exact.rs` with a watch that is asked before each large `realloc`: it
//! changes no figure.

mod random_scopes;

use memprobe::{Limit, Mode, Watch};

#[global_allocator]
static ALLOCATOR: memprobe_tests::exact::Exact<memprobe::Allocator> =
    memprobe_tests::exact::Exact(memprobe::Allocator);

#[test]
fn figures_are_exact() {
    // So small a limit that it always has to look.
    let mode = Watch::new().limit(Limit::of_bytes(1 << 20)).install();
    assert_eq!(mode, Ok(Mode::Hook));
    random_scopes::run(|ours, exact, smallest| {
        assert!(ours <= exact.peak, "peak {ours} is over {exact:?}");
        if smallest >= 64 << 10 {
            assert_eq!(ours, exact.peak, "peaks of large blocks are exact: {exact:?}");
        } else {
            assert!(exact.peak - ours <= 64 << 10, "peak {ours} is far under {exact:?}");
        }
    });
}
