//! The names in the expansion are no names for the user.

#![allow(non_snake_case, non_upper_case_globals)]

#[memprobe::memprobe]
pub fn f(frame: Vec<u8>, SITE: u8, __memprobe_entered: u8, site: u8) -> usize {
    frame.len() + usize::from(SITE + __memprobe_entered + site)
}

#[memprobe::memprobe]
pub async fn g(frame: Vec<u8>, future: u8, instrument_future: u8, SITE: u8) -> usize {
    let here = || 1;
    drop(frame);
    usize::from(future + instrument_future + here() + SITE)
}

#[memprobe::memprobe]
pub fn items() -> u8 {
    const frame: u8 = 1;
    static SITE: u8 = 2;
    enum Here {}
    fn here() -> u8 {
        3
    }
    frame + SITE + here() + std::mem::size_of::<Here>() as u8
}

#[memprobe::memprobe]
pub fn returned(SITE: u8) -> impl std::future::Future<Output = u8> {
    let instrument_future = 1;
    async move { instrument_future + SITE }
}

pub mod outside {
    pub const frame: u8 = 1;
    pub const name: u8 = 3;
    pub static event: u8 = 2;
    pub static SITE: u8 = 4;
    pub static POINT: u8 = 5;

    #[memprobe::memprobe]
    pub fn consts() -> u8 {
        let POINTS = 5;
        memprobe::probe!("a", event = event, point = POINT, points = POINTS);
        frame + event + name + SITE + POINT + POINTS
    }
}

fn main() {
    println!("{} {}", f(vec![1], 2, 3, 4), pollster::block_on(g(vec![1], 2, 3, 4)));
    println!("{} {} {}", items(), outside::consts(), pollster::block_on(returned(1)));
}
