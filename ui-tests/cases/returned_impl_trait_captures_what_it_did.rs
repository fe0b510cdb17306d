//! `-> impl Trait` captures what the signature says, in edition 2024.

#[memprobe::memprobe]
pub fn g<'a>(v: &'a [u8], _w: &str) -> impl Iterator<Item = u8> + use<'a> {
    v.iter().copied()
}

#[memprobe::memprobe]
pub fn all(v: &[u8]) -> impl Iterator<Item = &u8> {
    v.iter()
}

fn main() {
    let v = vec![1, 2];
    let it = g(&v, &String::from("gone"));
    println!("{:?} {:?}", it.collect::<Vec<_>>(), all(&v).collect::<Vec<_>>());
}
