//! memprobe under another name.
//@ rename: mp

#[mp::memprobe(crate = mp)]
pub fn f() -> u8 {
    mp::probe!("here", x = "x");
    1
}

#[mp::memprobe(crate = "mp")]
pub async fn g() -> Result<u8, Box<dyn std::error::Error>> {
    mp::probe!("here");
    Ok("2".parse()?)
}

#[mp::memprobe(name = "h", crate = ::mp)]
pub fn h() -> impl std::future::Future<Output = u8> {
    async { 3 }
}

#[mp::memprobe(crate = mp)]
pub async fn never() -> ! {
    std::process::exit(3)
}

#[mp::memprobe(crate = mp)]
pub fn boxed() -> std::pin::Pin<Box<dyn Future<Output = u8>>> {
    Box::pin(async move { 4 })
}

#[mp::memprobe(crate = mp)]
pub fn hidden() -> impl Fn() -> u8 {
    || 5
}

fn main() {
    use pollster::block_on as run;
    println!("{} {} {} {} {}", f(), run(g()).unwrap(), run(h()), run(boxed()), hidden()());
    run(never());
}
