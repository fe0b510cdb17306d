//! An `async` block that is not the tail is left alone.

use std::future::{Future, ready};
use std::pin::Pin;

type BoxFut = Pin<Box<dyn Future<Output = u8>>>;

#[memprobe::memprobe]
pub fn f() {
    async move { 1 };
    let _x = 2;
}

#[memprobe::memprobe]
pub fn g() {
    let _ = async move { 1 };
}

#[memprobe::memprobe]
pub fn h(b: bool) -> BoxFut {
    if b {
        return Box::pin(ready(1));
    }
    Box::pin(async move { 2 })
}

#[memprobe::memprobe]
pub fn long(b: bool) -> Pin<Box<dyn Future<Output = u8>>> {
    if b {
        return Box::pin(ready(1));
    }
    Box::pin(async move { 2 })
}

#[memprobe::memprobe]
pub fn assigned() -> Pin<Box<dyn Future<Output = u8>>> {
    let boxed = Box::pin(async move { 2 });
    boxed
}

#[memprobe::memprobe]
pub fn returned() -> Pin<Box<dyn Future<Output = u8>>> {
    return Box::pin(async move { 2 });
}

#[memprobe::memprobe]
pub fn closure() -> impl Fn() -> Pin<Box<dyn Future<Output = u8>>> {
    || Box::pin(async move { 2 })
}

fn main() {
    use pollster::block_on as run;
    println!("{} {} {} {}", run(h(true)), run(h(false)), run(long(true)), run(long(false)));
    println!("{} {} {}", run(assigned()), run(returned()), run(closure()()));
}
