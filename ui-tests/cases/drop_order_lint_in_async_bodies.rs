//! `tail_expr_drop_order` speaks in an async body as in a plain one.
//! async-lock 3.5.0, src/once_cell.rs: the lint looks at the edition of the body's braces, and
//! those of the `async` block in the expansion had been the macro's.
//@ edition: 2021

pub struct Guard(u8);

impl Guard {
    pub async fn get(&self) -> Result<u8, Guard> {
        Ok(self.0)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        println!("{}", self.0);
    }
}

#[memprobe::memprobe]
pub async fn initialize_or_wait(state: u8) -> u8 {
    loop {
        match state {
            3 => {
                let _guard = Guard(1);
                match Guard(2).get().await {
                    Ok(x) => return x,
                    Err(d) => drop(d),
                }
            }
            _ => return 0,
        }
    }
}
