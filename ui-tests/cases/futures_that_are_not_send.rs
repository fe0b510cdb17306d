//! A future that is not `Send` stays usable.

use std::cell::RefCell;
use std::rc::Rc;

#[memprobe::memprobe]
pub async fn local(x: Rc<u8>) -> u8 {
    std::future::ready(()).await;
    *x
}

#[memprobe::memprobe]
pub async fn cell(x: &RefCell<u8>) -> u8 {
    let held = x.borrow();
    std::future::ready(()).await;
    *held
}

fn main() {
    println!("{}", pollster::block_on(local(Rc::new(1))));
    println!("{}", pollster::block_on(cell(&RefCell::new(2))));
}
