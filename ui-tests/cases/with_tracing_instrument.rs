//! `#[tracing::instrument]` on either side, also with `err`.
//@ more: clippy::implicit_return

use std::num::ParseIntError;

#[tracing::instrument(err)]
#[memprobe::memprobe]
pub async fn above(x: u8) -> Result<u8, ParseIntError> {
    Ok("1".parse::<u8>()? + x)
}

#[memprobe::memprobe]
#[tracing::instrument(err, skip_all)]
pub async fn below(x: u8) -> Result<u8, ParseIntError> {
    Ok("1".parse::<u8>()? + x)
}

#[tracing::instrument(ret)]
#[memprobe::memprobe]
pub fn sync_above(x: u8) -> u8 {
    x
}

#[memprobe::memprobe]
#[tracing::instrument(level = "debug")]
pub fn sync_below(x: &str) -> &str {
    x
}

fn main() {
    println!("{:?} {:?}", pollster::block_on(above(1)), pollster::block_on(below(2)));
    println!("{} {}", sync_above(3), sync_below("4"));
}
