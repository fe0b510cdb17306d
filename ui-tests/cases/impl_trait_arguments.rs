//! `impl Trait` arguments.

#[memprobe::memprobe]
pub fn f(x: impl IntoIterator<Item = u8>) -> usize {
    x.into_iter().count()
}

#[memprobe::memprobe]
pub async fn g(x: impl IntoIterator<Item = impl Into<u64>>, k: &impl Fn(u64)) {
    x.into_iter().for_each(|y| k(y.into()));
}

fn main() {
    println!("{}", f([1, 2]));
    pollster::block_on(g([1_u8, 2], &|y| println!("{y}")));
}
