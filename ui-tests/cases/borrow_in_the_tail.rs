//! A borrow in the tail ends before the locals do, which edition 2021 does not allow.

use std::cell::RefCell;

#[memprobe::memprobe]
pub fn borrows() -> usize {
    let c = RefCell::new(vec![1]);
    c.borrow().len()
}

fn main() {
    println!("{}", borrows());
}
