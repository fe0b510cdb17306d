//! Generics, bounds, const generics, higher-ranked bounds.

use std::fmt::Debug;

#[memprobe::memprobe]
pub async fn g<'a, T: Debug, F, const N: usize>(x: &'a [T; N], k: F) -> &'a [T; N]
where
    F: for<'b> Fn(&'b T),
{
    x.iter().for_each(k);
    x
}

#[memprobe::memprobe]
pub fn s<'a, T: Debug + ?Sized, const N: usize>(x: &'a T, _: [u8; N]) -> (&'a T, usize)
where
    for<'b> &'b T: Debug,
{
    memprobe::probe!("here");
    println!("{x:?}");
    (x, N)
}

fn main() {
    let x = [1, 2];
    let back = pollster::block_on(g(&x, |y| println!("{y}")));
    println!("{back:?} {:?}", s("x", [0; 3]));
}
