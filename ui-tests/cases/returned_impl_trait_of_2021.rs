//! `-> impl Trait` captures what the signature says, in edition 2021.
//@ edition: 2021

#[memprobe::memprobe]
pub fn g<'a>(v: &'a [u8], _w: &str) -> impl Iterator<Item = u8> + 'a {
    v.iter().copied()
}

fn main() {
    let v = vec![1, 2];
    let it = g(&v, &String::from("gone"));
    println!("{:?}", it.collect::<Vec<_>>());
}
