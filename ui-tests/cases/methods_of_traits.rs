//! Methods of traits: provided, required, async, with `impl Trait`, with GATs.

#![allow(async_fn_in_trait)]

pub trait Tr {
    const N: u8;
    type Of<'a>: Into<u8>
    where
        Self: 'a;

    #[memprobe::memprobe]
    async fn q(&self) -> u8 {
        Self::N
    }

    #[memprobe::memprobe]
    fn sum(&self) -> u8 {
        self.r().sum::<u8>() + self.of().into()
    }

    fn r(&self) -> impl Iterator<Item = u8>;

    fn of(&self) -> Self::Of<'_>;

    async fn own(&self) -> Option<&Self> {
        Some(self)
    }
}

#[derive(Debug)]
pub struct S;

impl Tr for S {
    const N: u8 = 7;
    type Of<'a> = u8;

    #[memprobe::memprobe]
    fn r(&self) -> impl Iterator<Item = u8> {
        [Self::N].into_iter()
    }

    #[memprobe::memprobe]
    fn of(&self) -> Self::Of<'_> {
        1
    }

    #[memprobe::memprobe]
    async fn own(&self) -> Option<&Self> {
        memprobe::probe!("here");
        Some(self)
    }
}

pub trait Blanket {
    fn all(&self) -> u8;
}

impl<T: Tr> Blanket for T {
    #[memprobe::memprobe]
    fn all(&self) -> u8 {
        T::N
    }
}

fn main() {
    use pollster::block_on as run;
    println!("{} {} {:?} {}", run(S.q()), S.sum(), run(S.own()), S.all());
}
