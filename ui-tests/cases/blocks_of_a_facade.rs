//! Blocks under memprobe through another crate, without a dependency of one's own.
//@ unwrapped
//@ facade: facade

use facade::memprobe::memprobe;

pub struct S;

#[memprobe(crate = facade::memprobe, level = "debug", target = "t", rate = 0.5)]
impl S {
    pub fn f(&self) -> u8 {
        1
    }

    #[memprobe(name = "g")]
    pub async fn g(&self) -> Option<u8> {
        Some(2)
    }
}

facade::measured! {
    mod by_the_facade {
        pub fn f() -> String {
            String::from("3")
        }

        pub mod deeper {
            pub fn g() -> String {
                String::from("4")
            }
        }
    }
}

fn main() {
    println!("{} {:?}", S.f(), pollster::block_on(S.g()));
    println!("{} {}", by_the_facade::f(), by_the_facade::deeper::g());
}
