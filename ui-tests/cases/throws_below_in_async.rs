//! `#[throws]` below ours on an `async fn`: its `?` stands in a block that is no `Result` yet.
//@ limit: error[E0277]: the `?` operator can only be used in an async block that returns `Result` or `Option` (or another type that implements `std::ops::FromResidual`)

use std::num::ParseIntError;

#[memprobe::memprobe]
#[culpa::throws(ParseIntError)]
pub async fn waits(text: &str) -> u8 {
    text.parse::<u8>()?
}
