//! Functions in functions, items in bodies.

pub fn u() -> u8 {
    #[memprobe::memprobe]
    fn inner() -> u8 {
        const K: u8 = 1;
        struct S(u8);
        impl S {
            #[memprobe::memprobe]
            fn get(&self) -> u8 {
                self.0
            }
        }
        S(K).get()
    }
    inner()
}

#[memprobe::memprobe]
pub fn outer() -> u8 {
    #[memprobe::memprobe]
    async fn inner() -> u8 {
        static N: u8 = 2;
        N
    }
    pollster::block_on(inner())
}

fn main() {
    println!("{} {}", u(), outer());
}
