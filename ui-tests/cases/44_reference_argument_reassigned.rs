//! An argument that is set to a shorter-lived reference, and the way round in `async fn`.

#[memprobe::memprobe]
pub fn f(mut arg: &str) -> usize {
    let local = String::from("local");
    if arg.is_empty() {
        arg = &local;
    }
    arg.len()
}

#[memprobe::memprobe]
pub async fn way_round(arg: &str) -> usize {
    let local = String::from("local");
    let mut arg = arg;
    if arg.is_empty() {
        arg = &local;
    }
    arg.len()
}

fn main() {
    println!("{} {}", f(""), pollster::block_on(way_round("")));
}
