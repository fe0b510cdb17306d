//! `#[maybe_async]` above ours, which keeps `async`, and its kin that take `async` away.

#[maybe_async::maybe_async]
#[memprobe::memprobe]
pub async fn waits(text: &str) -> usize {
    memprobe::probe!("begun");
    len(text).await
}

#[maybe_async::maybe_async]
async fn len(text: &str) -> usize {
    std::future::ready(text.len()).await
}

#[maybe_async::must_be_sync]
#[memprobe::memprobe]
pub async fn plain(text: &str) -> usize {
    memprobe::probe!("begun");
    plain_len(text).await
}

#[maybe_async::must_be_sync]
async fn plain_len(text: &str) -> usize {
    text.len()
}

fn main() {
    println!("{} {}", pollster::block_on(waits("four")), plain("seven"));
}
