//! Functions that return futures.

use std::future::{Future, ready};
use std::pin::Pin;

#[memprobe::memprobe]
pub fn f(x: u8) -> impl Future<Output = u8> {
    let y = x;
    async move { y }
}

#[memprobe::memprobe]
pub fn h() -> impl Future<Output = u8> {
    ready(1)
}

#[memprobe::memprobe]
pub fn boxed<'a>(x: &'a u8) -> Pin<Box<dyn Future<Output = &'a u8> + Send + 'a>> {
    Box::pin(async move { x })
}

#[memprobe::memprobe]
pub fn full() -> Pin<Box<dyn Future<Output = Result<u8, Box<dyn std::error::Error>>>>> {
    ::std::boxed::Box::pin(async {
        let n: u8 = "7".parse()?;
        println!("parsed");
        Ok(n)
    },)
}

#[memprobe::memprobe]
pub fn either(b: bool) -> Pin<Box<dyn Future<Output = u8>>> {
    if b { Box::pin(async { 1 }) } else { Box::pin(async move { 2 }) }
}

#[memprobe::memprobe]
pub fn sent(x: String) -> impl Future<Output = usize> + Send + 'static {
    async move { x.len() }
}

#[memprobe::memprobe]
pub fn borrowing(x: &mut String) -> impl Future<Output = ()> {
    async { x.push('x') }
}

fn main() {
    use pollster::block_on as run;
    println!("{} {} {} {}", run(f(1)), run(h()), run(boxed(&3)), run(full()).unwrap());
    println!("{} {} {}", run(either(true)), run(either(false)), run(sent("abc".to_owned())));
    let mut x = String::new();
    run(borrowing(&mut x));
    println!("{x}");
}
