//! A mistake that the compiler does not see: the guard of `report_on_exit` is dropped at once.

use memprobe::memprobe;

memprobe::global_allocator!();

#[memprobe]
fn work() -> Vec<u8> {
    vec![1; 1000]
}

fn main() {
    let _ = memprobe::report_on_exit();
    drop(work());
}
