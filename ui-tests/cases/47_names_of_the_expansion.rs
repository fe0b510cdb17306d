//! The names in the expansion are no names for the user.

#[memprobe::memprobe]
pub fn f(frame: Vec<u8>, __MEMPROBE: u8, __frame: u8, site: u8) -> usize {
    frame.len() + usize::from(__MEMPROBE + __frame + site)
}

#[memprobe::memprobe]
pub async fn g(frame: Vec<u8>, future: u8, follow: u8) -> usize {
    let here = || 1;
    drop(frame);
    usize::from(future + follow + here())
}

#[memprobe::memprobe]
pub fn items() -> u8 {
    const frame: u8 = 1;
    static ENTRY: u8 = 2;
    fn here() -> u8 {
        3
    }
    frame + ENTRY + here()
}

pub const frame: u8 = 1;
pub static event: u8 = 2;

#[memprobe::memprobe]
pub fn consts_outside() -> u8 {
    memprobe::probe!("a");
    frame + event
}

#[memprobe::memprobe]
pub fn returned() -> impl std::future::Future<Output = u8> {
    let follow = 1;
    async move { follow }
}

fn main() {
    println!("{} {}", f(vec![1], 2, 3, 4), pollster::block_on(g(vec![1], 2, 3)));
    println!("{} {} {}", items(), consts_outside(), pollster::block_on(returned()));
}
