//! Blocks beside a module of the user's that is called memprobe, and names that are ours.

mod memprobe {
    pub fn x() {}
}

#[::memprobe::memprobe]
mod m {
    pub mod core {}
    pub struct Option;

    #[::memprobe::memprobe(skip)]
    pub fn memprobe() {}

    pub fn f(__inherited: u8) -> u8 {
        memprobe();
        super::memprobe::x();
        __inherited
    }
}

fn main() {
    println!("{}", m::f(1));
}
