//! Every kind of `self`.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

#[derive(Clone, Debug, Default)]
pub struct S(u8);

impl S {
    #[memprobe::memprobe]
    pub fn by_value(mut self) -> u8 {
        self.0 += 1;
        self.0
    }
    #[memprobe::memprobe]
    pub fn by_ref(&self) -> &u8 {
        &self.0
    }
    #[memprobe::memprobe]
    pub fn by_mut(&mut self) -> &mut u8 {
        &mut self.0
    }
    #[memprobe::memprobe]
    pub fn boxed(self: Box<Self>) -> u8 {
        self.0
    }
    #[memprobe::memprobe]
    pub fn counted(self: Rc<Self>) -> u8 {
        self.0
    }
    #[memprobe::memprobe]
    pub fn shared(self: &Arc<Self>) -> Arc<Self> {
        Arc::clone(self)
    }
    #[memprobe::memprobe]
    pub fn pinned(self: Pin<&mut Self>) -> u8 {
        self.0
    }
    #[memprobe::memprobe]
    pub fn of_self<'a>(self: &'a Self, _other: &str) -> &'a Self {
        self
    }
}

impl S {
    #[memprobe::memprobe]
    pub async fn async_value(mut self) -> u8 {
        self.0 += 1;
        self.0
    }
    #[memprobe::memprobe]
    pub async fn async_ref(&self) -> &u8 {
        &self.0
    }
    #[memprobe::memprobe]
    pub async fn async_mut(&mut self) -> &mut u8 {
        &mut self.0
    }
    #[memprobe::memprobe]
    pub async fn async_boxed(self: Box<Self>) -> u8 {
        self.0
    }
    #[memprobe::memprobe]
    pub async fn async_counted(self: Rc<Self>) -> u8 {
        self.0
    }
    #[memprobe::memprobe]
    pub async fn async_shared(self: &Arc<Self>) -> Arc<Self> {
        Arc::clone(self)
    }
    #[memprobe::memprobe]
    pub async fn async_pinned(self: Pin<&mut Self>) -> u8 {
        self.0
    }
}

fn main() {
    use pollster::block_on as run;
    let mut s = S(1);
    *s.by_mut() += 1;
    *run(s.async_mut()) += 1;
    println!("{} {}", s.by_ref(), run(s.async_ref()));
    println!("{} {}", s.clone().by_value(), run(s.clone().async_value()));
    println!("{} {}", Box::new(s.clone()).boxed(), run(Box::new(s.clone()).async_boxed()));
    println!("{} {}", Rc::new(s.clone()).counted(), run(Rc::new(s.clone()).async_counted()));
    let shared = Arc::new(s.clone());
    println!("{:?} {:?}", shared.shared(), run(shared.async_shared()));
    println!("{} {}", Pin::new(&mut s).pinned(), run(Pin::new(&mut s).async_pinned()));
    println!("{:?}", s.of_self(""));
}
