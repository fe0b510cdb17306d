//! Functions that return streams and iterators.

use async_stream::stream;

pub fn take<S>(_: S) {}

#[memprobe::memprobe]
pub async fn s() -> impl Send {
    stream! { yield 1_i64; }
}

#[memprobe::memprobe]
pub fn t() -> impl Send {
    stream! {
        memprobe::probe!("inside");
        yield 1_i64;
    }
}

#[memprobe::memprobe]
pub fn iterator<'a>(x: &'a [u8]) -> Box<dyn Iterator<Item = u8> + 'a> {
    Box::new(x.iter().copied().filter(|x| *x > 1))
}

fn main() {
    take(pollster::block_on(s()));
    take(t());
    println!("{:?}", iterator(&[1, 2]).collect::<Vec<_>>());
}
