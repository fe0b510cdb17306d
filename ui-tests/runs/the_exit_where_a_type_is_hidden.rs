//! Where the return type hides a type the body stays the tail: until edition 2021 the exit
//! then comes before the temporaries of the tail are gone.
//@ edition: 2015 2018 2021

extern crate memprobe;

memprobe::global_allocator!();

fn gives(len: usize) -> impl Fn() -> usize {
    move || len
}

#[memprobe::memprobe]
fn tail() -> impl Fn() -> usize {
    gives(std::hint::black_box(vec![1_u8; 64 << 10]).len())
}

fn main() {
    tail()();
    let report = memprobe::report();
    assert_eq!(report.functions[0].figures.as_ref().unwrap().net(), 64 << 10);
}
