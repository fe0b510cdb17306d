//! `#[throws]` above ours: it makes a `Result` of what a function returns.

use std::num::ParseIntError;

#[culpa::throws(ParseIntError)]
#[memprobe::memprobe]
pub async fn waits(text: &str) -> u8 {
    if text.is_empty() {
        return 0;
    }
    memprobe::probe!("there is one");
    std::future::ready(()).await;
    text.parse::<u8>()?
}

#[culpa::throws(ParseIntError)]
#[memprobe::memprobe]
pub fn plain(text: &str) -> u8 {
    if text.is_empty() {
        return 0;
    }
    text.parse::<u8>()?
}

fn main() {
    for text in ["", "7", "x"] {
        println!("{:?} {:?}", pollster::block_on(waits(text)), plain(text));
    }
}
