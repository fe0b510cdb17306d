//! Methods of one name in several impls.

pub struct A;
pub struct B<T>(T);

impl A {
    #[memprobe::memprobe]
    pub fn new() -> A {
        A
    }
}

impl<T> B<T> {
    #[memprobe::memprobe]
    pub fn new(x: T) -> B<T> {
        B(x)
    }
}

impl Default for A {
    #[memprobe::memprobe]
    fn default() -> A {
        A
    }
}

impl<T: Default> Default for B<T> {
    #[memprobe::memprobe(name = "B's default")]
    fn default() -> B<T> {
        B(T::default())
    }
}
