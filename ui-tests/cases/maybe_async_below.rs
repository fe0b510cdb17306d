//! `#[maybe_async]` below ours takes the `async` away that ours has put around the body.
//@ limit: error[E0277]: `usize` is not a future

#[memprobe::memprobe]
#[maybe_async::must_be_sync]
pub async fn plain(text: &str) -> usize {
    text.len()
}
