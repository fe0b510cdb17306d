//! The way round where an argument of an `async fn` is set to a shorter-lived reference.

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
    println!("{}", pollster::block_on(way_round("")));
}
