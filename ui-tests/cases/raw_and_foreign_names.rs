//! Raw and non-ASCII names.

#[memprobe::memprobe]
pub fn r#match(r#type: u8) -> u8 {
    r#type
}

#[memprobe::memprobe]
pub async fn größe(länge: u8) -> u8 {
    memprobe::probe!("here");
    länge
}

fn main() {
    println!("{} {}", r#match(1), pollster::block_on(größe(2)));
}
