//! Whole traits: the methods that have a body.

#![allow(async_fn_in_trait)]

#[memprobe::memprobe(target = "traits")]
pub trait Shape: Sized {
    const SIDES: u8;
    type Of<'a>: Into<u8>
    where
        Self: 'a;

    fn of(&self) -> Self::Of<'_>;

    async fn required(&self) -> u8;

    fn sides(&self) -> u8 {
        Self::SIDES + self.of().into()
    }

    async fn doubled(&self) -> u8 {
        self.required().await * 2
    }

    fn boxed(self) -> Box<Self>
    where
        Self: Clone,
    {
        Box::new(self)
    }

    #[must_use]
    fn never(&self) -> ! {
        panic!("never")
    }

    fn iter(&self) -> impl Iterator<Item = u8> {
        std::iter::once(Self::SIDES)
    }
}

#[derive(Clone)]
pub struct Square;

#[memprobe::memprobe]
impl Shape for Square {
    const SIDES: u8 = 4;
    type Of<'a> = u8;

    fn of(&self) -> u8 {
        1
    }

    async fn required(&self) -> u8 {
        3
    }
}

#[memprobe::memprobe]
pub unsafe trait Un {
    /// # Safety
    /// None.
    unsafe fn un(&self) -> u8 {
        5
    }
}

unsafe impl Un for Square {}

fn main() {
    let run = pollster::block_on;
    println!("{} {} {}", Square.sides(), run(Square.doubled()), unsafe { Square.un() });
    println!("{:?}", Square.boxed().iter().collect::<Vec<_>>());
}
