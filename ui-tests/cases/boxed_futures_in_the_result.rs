//! A boxed future inside the result.

use std::future::Future;
use std::pin::Pin;

#[memprobe::memprobe]
pub async fn f() -> Result<Pin<Box<dyn Future<Output = Result<u32, ()>> + Send>>, ()> {
    let i = async { Err(()) };
    let m = async move { i.await.map_err(|()| ()) };
    Ok(Box::pin(m))
}

fn main() {
    println!("{:?}", pollster::block_on(pollster::block_on(f()).unwrap()));
}
