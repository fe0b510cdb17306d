//! `-> !`.

#[memprobe::memprobe]
pub fn f() -> ! {
    panic!("x")
}

#[memprobe::memprobe]
pub async fn g() -> ! {
    loop {
        std::future::ready(()).await
    }
}

#[memprobe::memprobe]
pub async fn h() -> ! {
    std::process::exit(3)
}

pub async fn value() -> u8 {
    g().await
}

fn main() {
    pollster::block_on(h());
}
