//! `#[throws]` below ours, on a function that is not `async`.

use std::num::ParseIntError;

#[memprobe::memprobe]
#[culpa::throws(ParseIntError)]
pub fn plain(text: &str) -> u8 {
    if text.is_empty() {
        return 0;
    }
    text.parse::<u8>()?
}

fn main() {
    for text in ["", "7", "x"] {
        println!("{:?}", plain(text));
    }
}
