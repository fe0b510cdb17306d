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

#[memprobe::memprobe]
pub async fn annotated() -> impl Fn(&str) -> &str {
    fn same(s: &str) -> &str {
        s
    }
    same
}

fn main() {
    println!("{} {}", f()("x"), g()("y"));
}
