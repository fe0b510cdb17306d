//! A module of the user's that is called memprobe.

mod memprobe {
    pub fn x() {}
}

#[::memprobe::memprobe]
pub fn f() -> u8 {
    ::memprobe::probe!("here");
    memprobe::x();
    1
}

#[::memprobe::memprobe]
pub async fn g() -> u8 {
    memprobe::x();
    1
}

fn main() {
    println!("{} {}", f(), pollster::block_on(g()));
}
