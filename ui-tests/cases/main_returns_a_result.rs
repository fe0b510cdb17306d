//! `main` may carry the attribute and return a `Result`.
//@ bin

use std::error::Error;

#[memprobe::memprobe]
fn main() -> Result<(), Box<dyn Error>> {
    println!("main");
    let _: u8 = "x".parse()?;
    Ok(())
}
