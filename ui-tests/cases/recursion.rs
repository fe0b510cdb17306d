//! Recursion, sync and async.

use std::future::Future;
use std::pin::Pin;

#[memprobe::memprobe]
pub fn fact(n: u64) -> u64 {
    if n == 0 { 1 } else { n * fact(n - 1) }
}

#[memprobe::memprobe]
pub async fn boxed_inside(n: u64) -> u64 {
    if n == 0 { 1 } else { n * Box::pin(boxed_inside(n - 1)).await }
}

#[memprobe::memprobe]
pub fn boxed(n: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move { if n == 0 { 1 } else { n * boxed(n - 1).await } })
}

#[memprobe::memprobe]
pub fn forever(n: u64) -> u64 {
    forever(n)
}

fn main() {
    println!("{}", fact(10));
    println!("{} {}", pollster::block_on(boxed_inside(10)), pollster::block_on(boxed(10)));
}
