//! The exit stands after the temporaries of the tail are gone, in every edition.
//@ edition: 2015 2018 2021 2024

extern crate memprobe;

memprobe::global_allocator!();

#[memprobe::memprobe]
fn tail() -> usize {
    let local = std::hint::black_box(vec![1_u8; 64 << 10]);
    local.len() + std::hint::black_box(vec![1_u8; 64 << 10]).len()
}

fn main() {
    tail();
    let report = memprobe::report();
    let figures = report.functions[0].figures.as_ref().unwrap();
    assert_eq!(figures.net(), 0);
    assert_eq!(figures.peak, 128 << 10);
}
