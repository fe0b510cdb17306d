//! Whole impl blocks: what can carry the attribute does, all else is as it was.

#![warn(missing_docs)]

use std::fmt;

pub struct Ring<T, const N: usize> {
    items: [Option<T>; N],
    next: usize,
}

/// Above.
#[memprobe::memprobe(level = "debug", rate = 0)]
#[allow(clippy::use_self)]
/// Below.
impl<T: Copy, const N: usize> Ring<T, N> {
    #![doc = "Inside."]
    #![allow(clippy::missing_const_for_fn)]

    /// Of the type.
    pub const LEN: usize = if N > 1 { N } else { 1 };

    pub const fn new() -> Ring<T, N> {
        Ring { items: [None; N], next: 0 }
    }

    /// Adds one.
    #[inline]
    #[must_use = "keep"]
    pub fn push(&mut self, item: T) -> Option<T> {
        let old = self.items[self.next].replace(item);
        memprobe::probe!("replaced");
        self.next = (self.next + 1) % N;
        old
    }

    #[cfg(any())]
    pub fn push(&mut self, item: Missing) {}

    fn undocumented_and_unused(&self) {}

    pub(crate) async fn all(&self) -> Result<Vec<T>, std::num::ParseIntError> {
        let _: u8 = "7".parse()?;
        Ok(self.items.iter().flatten().copied().collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> + use<'_, T, N>
    where
        T: fmt::Debug,
    {
        self.items.iter().flatten()
    }

    pub unsafe extern "C" fn at(&self, at: usize) -> T {
        fn nested() {}
        nested();
        self.items[at].unwrap()
    }
}

#[memprobe::memprobe]
impl Ring<u8, { 1 + 2 }> {
    pub fn sum(&self) -> u8 {
        self.iter().sum()
    }

    pub fn shifted<const M: usize>(self) -> Ring<u8, { 2 + 1 }>
    where
        [(); M]: Sized,
    {
        self
    }
}

#[memprobe::memprobe]
impl<T: Copy + fmt::Debug, const N: usize> fmt::Debug for Ring<T, N>
where
    [T; N]: Sized,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[memprobe::memprobe]
unsafe impl Sealed for Ring<u8, 3> {
    type Of = fn() -> Ring<u8, { 3 }>;
    const X: u8 = { 3 };

    unsafe fn raw(x: *const u8) -> u8 {
        unsafe { *x }
    }
}

pub unsafe trait Sealed {
    type Of;
    const X: u8;

    /// # Safety
    /// A pointer that can be read.
    unsafe fn raw(x: *const u8) -> u8;
}

fn main() {
    let mut ring = Ring::<u8, 3>::new();
    let _ = ring.push(1);
    ring.push(2);
    println!("{ring:?} {} {:?}", ring.sum(), pollster::block_on(ring.all()));
    println!("{} {}", unsafe { ring.at(0) }, unsafe { Ring::raw(&9) });
    println!("{} {}", Ring::<u8, 3>::LEN, ring.shifted::<1>().sum());
}
