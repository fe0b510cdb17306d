//! The return type drives inference and coercion as it does in the plain function.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Debug;

#[memprobe::memprobe]
pub async fn g() -> Result<Vec<u8>, Box<dyn Error>> {
    let _n: u8 = "1".parse()?;
    Ok(Default::default())
}

#[memprobe::memprobe]
pub fn n(b: bool) -> Option<&'static dyn Debug> {
    if b {
        return Some(&1_u8);
    }
    Some(&"x")
}

#[memprobe::memprobe]
pub async fn q() -> fn(u8) -> u8 {
    |x| x
}

#[memprobe::memprobe]
pub async fn boxed(b: bool) -> Box<dyn Debug + Send> {
    if b {
        return Box::new(1_u8);
    }
    Box::new("x")
}

#[memprobe::memprobe]
pub async fn slice<'a>(x: &'a [u8; 3], _: &str) -> &'a [u8] {
    x
}

#[memprobe::memprobe]
pub async fn collected() -> HashMap<String, [u8; 2]> {
    [("a".into(), [1, 2])].into_iter().collect()
}

#[memprobe::memprobe]
pub async fn into() -> (String, [Option<u64>; 2], Box<[u8]>) {
    ("a".into(), [Some(1_u8.into()), None], [1, 2].into())
}

#[memprobe::memprobe]
pub async fn higher() -> &'static (dyn for<'a> Fn(&'a str) -> &'a str + Sync) {
    &|x| x
}

#[memprobe::memprobe]
pub async fn projected<I: Iterator>(mut i: I) -> Option<<I as Iterator>::Item> {
    i.next()
}

#[memprobe::memprobe]
pub async fn integer() -> u64 {
    1 << 40
}

fn main() {
    use pollster::block_on as run;
    println!("{:?} {:?} {:?} {}", run(g()).unwrap(), n(true), n(false), run(q())(1));
    println!("{:?} {:?} {:?}", run(boxed(true)), run(boxed(false)), run(slice(&[1, 2, 3], "")));
    println!("{:?} {:?} {}", run(collected()), run(into()), run(higher())("x"));
    println!("{:?} {}", run(projected([1].into_iter())), run(integer()));
}
