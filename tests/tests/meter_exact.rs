//! Random nested scopes against the independent counter, under `global_allocator!()`'s
//! allocator: everything equal to the byte, peaks at most 64 KiB under and never over.

mod random_scopes;

#[global_allocator]
static ALLOCATOR: memprobe_tests::exact::Exact<memprobe::Allocator> =
    memprobe_tests::exact::Exact(memprobe::Allocator);

#[test]
fn figures_are_exact() {
    random_scopes::run(random_scopes::peaks_are_exact);
}
