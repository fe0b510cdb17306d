//! Patterns, `mut`, `ref` and `_` among the arguments.

pub struct P {
    x: u8,
    y: String,
    z: u8,
}

#[memprobe::memprobe]
pub async fn g((a, mut b): (u8, u8), P { x, ref y, .. }: P, &[p, ..]: &[u8; 3], _: u8, mut q: u8) {
    b += a;
    q += 1;
    println!("{b} {x} {y} {p} {q}");
}

#[memprobe::memprobe]
pub fn s((a, mut b): (u8, u8), P { x, ref y, .. }: P, &[p, ..]: &[u8; 3], _: u8, mut q: u8) {
    b += a;
    q += 1;
    println!("{b} {x} {y} {p} {q}");
}

#[memprobe::memprobe]
pub fn unused_mut(mut a: u8) -> u8 {
    a
}

#[memprobe::memprobe]
pub async fn async_unused_mut(mut a: u8) -> u8 {
    a
}

fn main() {
    let p = || P { x: 1, y: "y".to_owned(), z: 0 };
    s((1, 2), p(), &[1, 2, 3], 4, 5);
    pollster::block_on(g((1, 2), p(), &[1, 2, 3], 4, 5));
}
