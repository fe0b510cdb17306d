//! Bodies that do not come to their end.

#[memprobe::memprobe]
pub async fn g() -> u8 {
    unimplemented!()
}

#[memprobe::memprobe]
pub fn k() -> Result<String, u8> {
    return Err(1);
}

#[memprobe::memprobe]
pub async fn async_k() -> Result<String, u8> {
    return Err(1);
}

// Plain Rust warns here.
#[memprobe::memprobe]
pub fn f() -> u8 {
    let _y: u8 = todo!();
    let _z = _y;
    1
}

#[memprobe::memprobe]
pub async fn async_f() -> u8 {
    let _y: u8 = todo!();
    let _z = _y;
    1
}

#[memprobe::memprobe]
pub async fn forever() {
    loop {
        std::future::pending::<()>().await;
    }
}

#[memprobe::memprobe]
pub fn panics() -> u8 {
    panic!()
}

fn main() {
    println!("{:?} {:?}", k(), pollster::block_on(async_k()));
}
