//! A whole trait and a whole impl above and below `#[async_trait]`.

use async_trait::async_trait;

#[async_trait]
#[memprobe::memprobe]
pub trait Below: Sync {
    async fn f(&self, b: String) -> usize;

    async fn d(&self) -> Result<u8, Box<dyn std::error::Error>> {
        let n: u8 = "7".parse()?;
        Ok(n)
    }

    #[memprobe::memprobe(skip)]
    async fn unit(&mut self) {}
}

#[memprobe::memprobe]
#[async_trait(?Send)]
pub trait Above {
    async fn l<'a>(&'a self, x: &'a str) -> &'a str {
        x
    }
}

pub struct S;

#[memprobe::memprobe]
#[async_trait]
impl Below for S {
    async fn f(&self, mut b: String) -> usize {
        b.push('x');
        memprobe::probe!("pushed");
        b.len()
    }

    #[memprobe::memprobe(name = "own")]
    async fn d(&self) -> Result<u8, Box<dyn std::error::Error>> {
        Ok(8)
    }
}

#[async_trait(?Send)]
#[memprobe::memprobe]
impl Above for S {
    async fn l<'a>(&'a self, x: &'a str) -> &'a str {
        &x[1..]
    }
}

fn main() {
    use pollster::block_on as run;
    println!("{} {:?} {}", run(S.f("a".to_owned())), run(S.d()).unwrap(), run(S.l("xy")));
    run(S.unit());
}
