//! `impl Trait` deep in the return type of an `async fn`.

#[memprobe::memprobe]
pub async fn g(n: i32) -> Result<impl Iterator<Item = i32>, ()> {
    Ok((0..10).filter(move |x| *x < n))
}

#[memprobe::memprobe]
pub async fn h() -> (impl Fn() -> u8, Option<Box<dyn Fn() -> u8>>) {
    (|| 1, Some(Box::new(|| 2)))
}

fn main() {
    println!("{:?}", pollster::block_on(g(3)).map(Iterator::count));
    println!("{}", pollster::block_on(h()).0());
}
