//! The return type drives inference and coercion as it does in the plain function.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Debug;

#[memprobe::memprobe]
pub async fn g() -> Result<Vec<u8>, Box<dyn Error>> {
    let _n: u8 = "1".parse()?;
    Ok(Default::default())
}

#[memprobe::memprobe]
pub fn n(b: bool) -> Option<&'static dyn Debug> {
    if b {
        return Some(&1_u8);
    }
    Some(&"x")
}

#[memprobe::memprobe]
pub async fn q() -> fn(u8) -> u8 {
    |x| x
}

#[memprobe::memprobe]
pub async fn boxed(b: bool) -> Box<dyn Debug + Send> {
    if b {
        return Box::new(1_u8);
    }
    Box::new("x")
}

#[memprobe::memprobe]
pub async fn slice<'a>(x: &'a [u8; 3], _: &str) -> &'a [u8] {
    x
}

#[memprobe::memprobe]
pub async fn collected() -> HashMap<String, [u8; 2]> {
    [("a".into(), [1, 2])].into_iter().collect()
}

#[memprobe::memprobe]
pub async fn into() -> (String, [Option<u64>; 2], Box<[u8]>) {
    ("a".into(), [Some(1_u8.into()), None], [1, 2].into())
}

#[memprobe::memprobe]
pub async fn higher() -> &'static (dyn for<'a> Fn(&'a str) -> &'a str + Sync) {
    &|x| x
}

#[memprobe::memprobe]
pub async fn projected<I: Iterator>(mut i: I) -> Option<<I as Iterator>::Item> {
    i.next()
}

pub trait Of<'a> {
    const N: usize;
    type Out: Debug;
    fn of(&'a self) -> Self::Out;
}

pub struct Cell<'a, T: ?Sized>(&'a T);

impl<'a, T: ?Sized + Of<'a>> Cell<'a, T> {
    #[memprobe::memprobe]
    pub async fn out(&self) -> <T as Of<'a>>::Out {
        self.0.of()
    }

    #[memprobe::memprobe]
    pub async fn itself<'b>(&'b self) -> (&'b Self, Option<&'a T>, *const T) {
        (self, Some(self.0), self.0)
    }

    #[memprobe::memprobe]
    pub async fn pointer(&self) -> fn(&'a T) -> Cell<'a, T> {
        Cell
    }

    #[memprobe::memprobe]
    pub async fn boxed(&self) -> Box<dyn for<'x> Fn(&'x str) -> &'x str + 'a> {
        Box::new(|x| x)
    }
}

impl Of<'_> for u8 {
    const N: usize = 2;
    type Out = [u8; 2];
    fn of(&self) -> [u8; <u8 as Of<'_>>::N] {
        [*self; 2]
    }
}

#[memprobe::memprobe]
pub async fn integer() -> u64 {
    1 << 40
}

fn main() {
    use pollster::block_on as run;
    println!("{:?} {:?} {:?} {}", run(g()).unwrap(), n(true), n(false), run(q())(1));
    println!("{:?} {:?} {:?}", run(boxed(true)), run(boxed(false)), run(slice(&[1, 2, 3], "")));
    println!("{:?} {:?} {}", run(collected()), run(into()), run(higher())("x"));
    let cell = Cell(&7_u8);
    println!("{:?} {:?} {}", run(cell.out()), run(cell.itself()).1, run(cell.boxed())("x"));
    println!("{}", run(cell.pointer())(&8).0);
    println!("{:?} {}", run(projected([1].into_iter())), run(integer()));
}
