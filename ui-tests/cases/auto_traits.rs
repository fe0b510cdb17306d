//! Futures are `Send`, `Sync`, `UnwindSafe`, `RefUnwindSafe`, `'static` where plain ones are.

use std::future::{Future, ready};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;

pub fn check<T: Send + Sync + UnwindSafe + RefUnwindSafe + 'static>(_: T) {}
pub fn sent<T: Send>(_: T) {}

#[memprobe::memprobe]
pub async fn f(x: String) -> usize {
    ready(()).await;
    x.len()
}

#[memprobe::memprobe]
pub fn returned(x: String) -> impl Future<Output = usize> + Send {
    async move {
        ready(()).await;
        x.len()
    }
}

#[memprobe::memprobe]
pub fn boxed(x: &str) -> Pin<Box<dyn Future<Output = usize> + Send + Sync + UnwindSafe + '_>> {
    Box::pin(async move {
        ready(()).await;
        x.len()
    })
}

#[memprobe::memprobe]
pub fn made(x: u8) -> impl Future<Output = u8> + Unpin {
    ready(x)
}

#[memprobe::memprobe]
pub async fn probes() {
    memprobe::probe!("before", x = "x");
    ready(()).await;
    memprobe::probe!("after");
}

#[memprobe::memprobe]
pub async fn generic<T>(x: T) -> T {
    ready(()).await;
    x
}

fn main() {
    check(f(String::new()));
    check(returned(String::new()));
    check(probes());
    check(generic(1));
    sent(boxed(""));
    sent(made(1));
}
