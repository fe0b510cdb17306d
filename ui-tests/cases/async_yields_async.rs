//! An `async fn` may return a future without `clippy::async_yields_async`.
//@ errs

use std::future::{Future, Ready, ready};

#[memprobe::memprobe]
pub async fn f() -> Ready<()> {
    ready(())
}

#[memprobe::memprobe]
pub async fn g() -> impl Future<Output = u8> {
    async { 1 }
}

#[memprobe::memprobe]
pub async fn says_so() -> u8 {
    // The user's own still fires.
    let nested = async { ready(1) };
    nested.await.await
}

fn main() {
    pollster::block_on(pollster::block_on(f()));
    println!("{} {}", pollster::block_on(pollster::block_on(g())), pollster::block_on(says_so()));
}
