//! Lints that some shapes of function lose are kept by the others.
//@ keeps: clippy::implicit_return
//@ keeps: clippy::redundant_clone
//@ keeps: clippy::async_yields_async

#![warn(clippy::async_yields_async)]

use std::future::{Future, ready};

#[memprobe::memprobe]
pub fn value(x: u8) -> u8 {
    x
}

#[memprobe::memprobe]
pub fn branches(x: u8) -> u8 {
    if x > 1 {
        x
    } else {
        match x {
            0 => 2,
            _ => return 3,
        }
    }
}

#[memprobe::memprobe]
pub fn boxed(x: u8) -> Box<dyn Fn() -> u8> {
    Box::new(move || x)
}

#[memprobe::memprobe]
pub fn hidden(x: u8) -> impl Fn() -> u8 {
    move || x
}

#[memprobe::memprobe]
pub fn future(x: u8) -> impl Future<Output = u8> {
    async move { x }
}

#[memprobe::memprobe]
pub fn unit(x: u8) {
    println!("{x}")
}

#[memprobe::memprobe]
pub async fn async_value(x: u8) -> u8 {
    ready(x).await
}

#[memprobe::memprobe]
pub async fn async_branches(x: u8) -> Result<u8, u8> {
    if ready(x).await > 1 { Ok(x) } else { Err(x) }
}

#[memprobe::memprobe]
pub async fn yields(x: u8) -> Option<u8> {
    let nested = async { ready(x) };
    Some(nested.await.await)
}

#[memprobe::memprobe]
pub fn clones() -> usize {
    let list = vec![1_u8];
    let copy = list.clone();
    copy.len()
}
