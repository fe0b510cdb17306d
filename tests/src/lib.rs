//! What the scenarios in `tests/` share: an exact counter that knows nothing of memprobe's
//! ways, and subscribers that keep what they see.

/// The examples of the README are compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// And those of the guide to spans.
#[cfg(doctest)]
#[doc = include_str!("../../docs/spans.md")]
pub struct Spans;

pub mod big_report;
pub mod browser;
pub mod cgroup;
pub mod exact;
pub mod http;
pub mod lambda;
pub mod listener;
pub mod output;
pub mod pages;
pub mod random;
pub mod record;
pub mod uncounted;
pub mod uploads;
pub mod watch_line;

/// What a report of this moment says of the function whose path ends in `path`; `None` before
/// its first call has ended.
pub fn function(path: &str) -> Option<memprobe::report::Function> {
    memprobe::report().functions.into_iter().find(|function| function.name.ends_with(path))
}

/// Lets other tasks run. tokio's own keeps a list, whose growth would rightly be in the
/// figures of the function that awaits.
pub async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// Polls a future once; whether it is done.
pub fn poll(future: impl Future) -> bool {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::pin!(future).poll(&mut context).is_ready()
}

/// A block of so many MiB that nobody writes to.
pub fn block(mib: usize) -> Vec<u8> {
    std::hint::black_box(Vec::with_capacity(mib << 20))
}
