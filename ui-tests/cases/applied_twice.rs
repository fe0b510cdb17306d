//! Twice on one function: a call in a call.

#[memprobe::memprobe]
#[memprobe::memprobe(name = "inner")]
pub fn f() -> u8 {
    1
}

#[memprobe::memprobe]
#[memprobe::memprobe]
pub async fn g() -> Result<u8, ()> {
    Ok(2)
}

fn main() {
    println!("{} {:?}", f(), pollster::block_on(g()));
}
