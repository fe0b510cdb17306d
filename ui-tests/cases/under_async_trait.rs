//! Methods under `#[async_trait]`.

use async_trait::async_trait;

#[async_trait]
pub trait Tr: Sync {
    async fn f(&self, b: String) -> usize;

    #[memprobe::memprobe]
    async fn d(&self) -> Result<u8, Box<dyn std::error::Error>> {
        let n: u8 = "7".parse()?;
        Ok(n)
    }

    #[memprobe::memprobe]
    async fn unit(&mut self) {}
}

pub struct S;

#[async_trait]
impl Tr for S {
    #[memprobe::memprobe]
    async fn f(&self, mut b: String) -> usize {
        b.push('x');
        memprobe::probe!("pushed");
        b.len()
    }
}

#[async_trait(?Send)]
pub trait Local {
    #[memprobe::memprobe]
    async fn l<'a>(&'a self, x: &'a str) -> &'a str {
        x
    }
}

#[async_trait(?Send)]
impl Local for S {}

fn main() {
    use pollster::block_on as run;
    println!("{}", run(S.f("a".to_owned())));
    println!("{:?}", run(S.d()).unwrap());
    println!("{}", run(S.l("x")));
    run(S.unit());
}
