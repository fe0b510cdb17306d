//! Statements before a boxed `async` block run when the function is called.

use std::future::Future;
use std::pin::Pin;

#[memprobe::memprobe]
pub fn i() -> Pin<Box<dyn Future<Output = u8>>> {
    println!("ran");
    let y = 1;
    Box::pin(async move { y })
}

fn main() {
    let future = i();
    println!("made");
    println!("{}", pollster::block_on(future));
}
