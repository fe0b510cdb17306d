//! `impl Trait` deep in the return type of an `async fn`.

#[memprobe::memprobe]
pub async fn g(n: i32) -> Result<impl Iterator<Item = i32>, ()> {
    Ok((0..10).filter(move |x| *x < n))
}

#[memprobe::memprobe]
pub async fn h() -> (impl Fn() -> u8, Option<Box<dyn Fn() -> u8>>) {
    (|| 1, Some(Box::new(|| 2)))
}

#[memprobe::memprobe]
pub async fn inside_dyn<'a>(x: &'a [u8]) -> Box<dyn Iterator<Item = impl Into<u64> + 'a> + 'a> {
    Box::new(x.iter().copied())
}

#[memprobe::memprobe]
pub fn sync_inside_dyn(x: &[u8]) -> Box<dyn Iterator<Item = impl Into<u64>> + '_> {
    Box::new(x.iter().copied())
}

fn main() {
    println!("{:?}", pollster::block_on(g(3)).map(Iterator::count));
    println!("{}", pollster::block_on(h()).0());
    let sum: u64 = pollster::block_on(inside_dyn(&[1, 2])).map(Into::into).sum();
    println!("{sum} {}", sync_inside_dyn(&[1, 2]).count());
}
