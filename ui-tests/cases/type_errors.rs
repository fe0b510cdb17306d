//! Type errors point where they do in plain Rust.
//@ errs

#[memprobe::memprobe]
pub fn a() -> String {
    ""
}

#[memprobe::memprobe]
pub async fn b() -> String {
    ""
}

#[memprobe::memprobe]
pub fn c() -> i32 {
    1;
}

#[memprobe::memprobe]
pub async fn e() -> i32 {
    1;
}

#[memprobe::memprobe]
pub fn unit() {
    1
}

#[memprobe::memprobe]
pub async fn async_unit() {
    1
}

#[memprobe::memprobe]
pub async fn h() -> Result<(), ()> {
    Ok(())?;
    Ok(());
}

#[memprobe::memprobe]
pub fn i() -> Result<(), ()> {
    Ok(())?;
}

#[memprobe::memprobe]
pub async fn j() -> Result<(), ()> {
    Ok(())?;
}

#[memprobe::memprobe]
pub async fn k() -> u8 {
    return "x";
}

#[memprobe::memprobe]
pub fn l(b: bool) -> u8 {
    if b {
        return "x";
    }
    "y"
}

#[memprobe::memprobe]
pub async fn question() -> u8 {
    let x: u8 = "1".parse()?;
    x
}

#[memprobe::memprobe]
pub fn sync_question() {
    let x: u8 = "1".parse()?;
}

#[memprobe::memprobe]
pub async fn ambiguous() {
    let x = "1".parse().unwrap();
}

#[memprobe::memprobe]
pub async fn in_expression() -> u8 {
    let x: u8 = "x";
    x + "y"
}
