//! What a `cfg` removes is gone, and `cfg_attr` may add the attribute.

#[memprobe::memprobe]
#[cfg(any())]
pub fn f() -> Missing {
    missing!()
}

#[cfg(any())]
#[memprobe::memprobe]
pub fn f() -> Missing {
    missing!()
}

#[cfg_attr(all(), memprobe::memprobe)]
pub fn g() -> u8 {
    #[cfg(any())]
    missing!();
    let x = [
        1,
        #[cfg(any())]
        2,
    ];
    x.len() as u8
}

#[cfg_attr(any(), memprobe::memprobe)]
pub fn h() {}

fn main() {
    println!("{}", g());
    h();
}
