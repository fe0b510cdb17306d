//! Random nested scopes under a plain `tikv_jemallocator`: equal to the byte, but a peak may be
//! as high as if every `realloc` had moved its block.

mod random_scopes;

#[global_allocator]
static ALLOCATOR: memprobe_tests::exact::Exact<tikv_jemallocator::Jemalloc> =
    memprobe_tests::exact::Exact(tikv_jemallocator::Jemalloc);

#[test]
fn figures_are_exact_but_for_realloc() {
    random_scopes::run(|ours, exact, smallest| {
        assert!(ours <= exact.moved_peak, "peak {ours} is over its bound in {exact:?}");
        let slack = if smallest >= 64 << 10 { 0 } else { 64 << 10 };
        assert!(exact.peak.saturating_sub(ours) <= slack, "peak {ours} is under {exact:?}");
    });
}
