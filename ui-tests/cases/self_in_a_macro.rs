//! `self` through a macro that the body defines.

pub struct S(u8);

impl S {
    #[memprobe::memprobe]
    pub async fn f(&self) -> u8 {
        macro_rules! t {
            () => {
                self.0
            };
        }
        t!()
    }

    #[memprobe::memprobe]
    pub fn g(&mut self) -> u8 {
        macro_rules! t {
            () => {
                self.0 += 1;
            };
        }
        t!();
        self.0
    }
}

fn main() {
    let mut s = S(1);
    println!("{} {}", s.g(), pollster::block_on(s.f()));
}
