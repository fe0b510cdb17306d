//! What a body imports shadows nothing that the expansion names.

pub type Foo = ();
pub enum Bar {
    Foo,
    Site,
    Frame,
    Some,
    None,
    Option,
    Result,
}

#[memprobe::memprobe]
pub fn fine() -> Foo {
    #[allow(unused_imports)]
    use Bar::*;
}

#[memprobe::memprobe]
pub async fn async_fine() -> Foo {
    #[allow(unused_imports)]
    use Bar::*;
}
