//! The body appears once: a symbol in it is not defined twice.

#[memprobe::memprobe]
pub fn f() -> u8 {
    #[unsafe(no_mangle)]
    static IN_THE_BODY_OF_A_CASE: u8 = 1;
    IN_THE_BODY_OF_A_CASE
}

#[memprobe::memprobe]
pub async fn g() -> Result<impl Fn() -> u8, ()> {
    #[unsafe(no_mangle)]
    static IN_THE_ASYNC_BODY_OF_A_CASE: u8 = 2;
    if false {
        return Err(());
    }
    Ok(|| IN_THE_ASYNC_BODY_OF_A_CASE)
}

fn main() {
    println!("{} {}", f(), pollster::block_on(g()).map_or(0, |two| two()));
}
