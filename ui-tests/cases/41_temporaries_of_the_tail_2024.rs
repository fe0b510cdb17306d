//! Temporaries of the tail are dropped in edition 2024 before the locals.
//@ edition: 2024

use std::cell::RefCell;

pub struct Says(&'static str);

impl Says {
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl Drop for Says {
    fn drop(&mut self) {
        println!("drop {}", self.0);
    }
}

#[memprobe::memprobe]
pub fn order(_argument: Says) -> usize {
    let _local = Says("local");
    Says("temporary").len()
}

#[memprobe::memprobe]
pub async fn async_order(argument: Says) -> usize {
    let _used = &argument;
    let _local = Says("local");
    Says("temporary").len()
}

#[memprobe::memprobe]
pub fn borrows() -> usize {
    let c = RefCell::new(vec![1]);
    // Until edition 2021 this does not compile.
    c.borrow().len()
}

fn main() {
    println!("{}", order(Says("argument")));
    println!("{}", pollster::block_on(async_order(Says("argument"))));
    println!("{}", borrows());
}
