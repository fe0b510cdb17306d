//! Random nested scopes against the independent counter, while jemalloc samples: the figures of
//! calls are as exact as without, although a sampled block lies on pages of its own.

#[path = "../../tests/random_scopes/mod.rs"]
#[allow(dead_code, reason = "shared with the tests of exact figures")]
mod random_scopes;

#[global_allocator]
static ALLOCATOR: memprobe_tests::exact::Exact<memprobe::Allocator> =
    memprobe_tests::exact::Exact(memprobe::Allocator);
memprobe::__sample!();

#[test]
fn figures_are_exact_while_jemalloc_samples() {
    memprobe::live::set_interval(16 << 10).expect("jemalloc samples");
    random_scopes::run(random_scopes::peaks_are_exact);
    let live = memprobe::live().expect("jemalloc samples");
    assert!(live.total.samples > 0, "{live:?}");
}
