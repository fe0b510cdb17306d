//! Temporaries of the tail are dropped in edition 2021 after the locals, and since 2024 before.
//@ edition: 2021 2024

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

fn main() {
    println!("{}", order(Says("argument")));
    println!("{}", pollster::block_on(async_order(Says("argument"))));
}
