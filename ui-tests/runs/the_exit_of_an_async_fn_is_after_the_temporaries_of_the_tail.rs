//! The same where the function is async or returns a future.
//@ edition: 2018 2021 2024

use std::future::Future;

memprobe::global_allocator!();

#[memprobe::memprobe]
async fn tail() -> usize {
    let local = std::hint::black_box(vec![1_u8; 64 << 10]);
    local.len() + std::hint::black_box(vec![1_u8; 64 << 10]).len()
}

#[memprobe::memprobe]
fn returned() -> impl Future<Output = usize> {
    async {
        let local = std::hint::black_box(vec![1_u8; 64 << 10]);
        local.len() + std::hint::black_box(vec![1_u8; 64 << 10]).len()
    }
}

fn main() {
    pollster::block_on(tail());
    pollster::block_on(returned());
    let report = memprobe::report();
    assert_eq!(report.functions.len(), 2);
    for function in &report.functions {
        let figures = function.figures.as_ref().unwrap();
        assert_eq!(figures.net(), 0);
        assert_eq!(figures.peak, 128 << 10);
    }
}
