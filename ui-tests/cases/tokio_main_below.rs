//! `#[tokio::main]` below the attribute.
//@ more: clippy::implicit_return
//@ bin

#[memprobe::memprobe]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), std::num::ParseIntError> {
    tokio::task::yield_now().await;
    println!("{}", "1".parse::<u8>()?);
    Ok(())
}
