//! memprobe through another crate, without a dependency of one's own.
//@ unwrapped
//@ facade: facade

use facade::memprobe::memprobe;

#[memprobe(crate = facade::memprobe)]
pub fn f() -> u8 {
    facade::memprobe::probe!("here", x = "x");
    1
}

#[memprobe(crate = ::facade::memprobe)]
pub async fn g() -> Option<u8> {
    facade::memprobe::probe!("here");
    Some(2)
}

#[memprobe(crate = facade::memprobe)]
pub fn h() -> impl Future<Output = u8> {
    async { 3 }
}

facade::measured! {
    pub fn by_the_facade() -> String {
        String::from("4")
    }
}

fn main() {
    println!("{} {:?} {}", f(), pollster::block_on(g()), pollster::block_on(h()));
    println!("{}", by_the_facade());
}
