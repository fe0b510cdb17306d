//! Functions that `tests/assembly.rs` compiles twice: with memprobe compiled out, and, with
//! `--cfg plain`, without it.

#![allow(missing_docs)]
// `plain`.
#![allow(unexpected_cfgs)]

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

#[cfg(not(plain))]
use memprobe::probe;

#[cfg(plain)]
macro_rules! probe {
    ($($tokens:tt)*) => {};
}

#[unsafe(no_mangle)]
#[cfg_attr(not(plain), memprobe::memprobe)]
pub extern "C" fn empty(n: u64) -> u64 {
    n
}

#[unsafe(no_mangle)]
#[cfg_attr(not(plain), memprobe::memprobe(name = "allocates", rate = 0))]
pub extern "C" fn allocates(n: u64) -> u64 {
    let values: Vec<u64> = black_box((0..n).collect());
    probe!("collected", rows = values.len(), first = ?values.first());
    let sum = values.iter().sum();
    probe!("summed");
    sum
}

#[unsafe(no_mangle)]
#[cfg_attr(not(plain), memprobe::memprobe)]
pub extern "C" fn returns_early(text: &String) -> u64 {
    let Ok(number) = text.parse::<u64>() else { return 0 };
    probe!("parsed", text = %text);
    assert!(number > 0, "panics");
    number
}

#[cfg_attr(not(plain), memprobe::memprobe)]
async fn ready(n: u64) -> u64 {
    probe!("ready");
    n + 1
}

#[cfg_attr(not(plain), memprobe::memprobe)]
async fn waits(n: u64) -> Result<u64, std::num::ParseIntError> {
    let text = ready(n).await.to_string();
    std::future::poll_fn(|_| if black_box(true) { Poll::Ready(()) } else { Poll::Pending }).await;
    probe!("waited", text = %text);
    text.parse()
}

#[cfg_attr(not(plain), memprobe::memprobe)]
fn boxed(n: u64) -> std::pin::Pin<Box<dyn Future<Output = u64>>> {
    Box::pin(async move { ready(n).await })
}

#[unsafe(no_mangle)]
pub extern "C" fn polls(n: u64) -> u64 {
    let mut context = Context::from_waker(Waker::noop());
    let (mut waits, mut boxed) = (pin!(waits(n)), boxed(n));
    let waits = match waits.as_mut().poll(&mut context) {
        Poll::Ready(result) => result.unwrap_or(0),
        Poll::Pending => 0,
    };
    waits + u64::from(boxed.as_mut().poll(&mut context).is_ready())
}
