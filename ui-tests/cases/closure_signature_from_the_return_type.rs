//! A closure signature that the return type gives.

#[memprobe::memprobe]
pub fn f() -> impl Fn(&str) -> &str {
    |s| s
}

#[memprobe::memprobe]
pub fn g() -> Box<dyn Fn(&str) -> &str> {
    Box::new(|s| s)
}

#[memprobe::memprobe]
pub async fn h() -> Box<dyn Fn(&str) -> &str> {
    Box::new(|s| s)
}

// The ways round of `async fn -> impl Fn`.
#[memprobe::memprobe]
pub async fn annotated() -> impl Fn(&str) -> usize {
    |s: &str| s.len()
}

#[memprobe::memprobe]
pub async fn function() -> impl Fn(&str) -> &str {
    fn same(s: &str) -> &str {
        s
    }
    same
}

fn main() {
    println!("{} {}", f()("x"), g()("y"));
}
