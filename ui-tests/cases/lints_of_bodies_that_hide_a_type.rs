//! Lints of bodies whose return type hides a type or may be a future.

#![warn(clippy::async_yields_async)]

use std::future::{Future, Ready, ready};

#[memprobe::memprobe]
pub fn hidden() -> impl Fn() -> u8 {
    let x = { 1 };
    move || x
}

#[memprobe::memprobe]
pub fn one_line() -> impl Fn() -> u8 { || 1 }

#[memprobe::memprobe]
pub fn braces() -> impl Fn() -> u8 {
    { || 1 }
}

#[memprobe::memprobe]
pub async fn gives_a_future() -> Ready<u8> {
    let nested = async { ready(ready(1)) };
    nested.await.await
}

#[memprobe::memprobe]
pub async fn gives_a_value() -> Result<u8, ()> {
    let nested = async { ready(1) };
    Ok(nested.await.await)
}

#[memprobe::memprobe]
pub fn returned() -> impl Future<Output = Ready<u8>> {
    async { ready(1) }
}
