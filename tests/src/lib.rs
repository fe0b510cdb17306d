//! What the scenarios in `tests/` share: an exact counter that knows nothing of memprobe's
//! ways, and subscribers that keep what they see.

/// The examples of the README are compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

pub mod browser;
pub mod exact;
pub mod output;
pub mod record;

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
