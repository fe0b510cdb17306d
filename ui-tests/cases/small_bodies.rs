//! Empty bodies, unit, one expression.

#[memprobe::memprobe]
pub fn a() {}

#[memprobe::memprobe]
pub fn b() -> () {}

#[memprobe::memprobe]
pub async fn c() {}

#[memprobe::memprobe]
pub async fn d() -> () {}

#[memprobe::memprobe]
pub fn r() -> u8 {
    255
}

#[memprobe::memprobe]
pub async fn s() -> u8 {
    255
}

#[memprobe::memprobe]
pub fn calls() {
    a()
}

#[memprobe::memprobe]
pub async fn awaits() {
    c().await
}

#[memprobe::memprobe]
pub fn block() -> u8 {
    { 1 }
}

#[memprobe::memprobe]
pub fn unsafe_block() -> char {
    // SAFETY: it is one.
    unsafe { char::from_u32_unchecked(65) }
}

type Unit = ();

#[memprobe::memprobe]
pub async fn alias() -> Unit {
    c().await;
}

#[memprobe::memprobe]
pub fn sync_alias() -> Unit {
    println!("alias")
}

#[memprobe::memprobe]
pub fn looped() {
    for x in 0..2 {
        println!("{x}")
    }
}

fn main() {
    calls();
    sync_alias();
    looped();
    pollster::block_on(awaits());
    println!("{} {}", r(), pollster::block_on(s()));
}
