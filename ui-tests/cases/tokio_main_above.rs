//! `#[tokio::main]` above the attribute.
//@ bin

#[tokio::main]
#[memprobe::memprobe]
async fn main() {
    tokio::task::yield_now().await;
    println!("main");
}
