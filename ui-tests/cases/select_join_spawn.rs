//! `select!`, `join!` and `spawn`, in the function and of it.
//@ bin

use std::future::pending;

#[memprobe::memprobe]
pub async fn selects() -> u8 {
    tokio::select! {
        x = async { memprobe::probe!("a"); 1_u8 } => x,
        _ = pending::<()>() => 2,
    }
}

#[memprobe::memprobe]
pub async fn joins() -> (u8, u8) {
    tokio::join!(selects(), async { 3 })
}

#[memprobe::memprobe]
pub async fn tries() -> Result<(u8, u8), String> {
    tokio::try_join!(async { Ok::<_, String>(1) }, async { Ok(joins().await.1) })
}

#[memprobe::memprobe]
pub async fn loses() -> u8 {
    pending::<()>().await;
    1
}

#[tokio::main]
async fn main() {
    println!("{} {:?} {:?}", selects().await, joins().await, tries().await);
    println!("{:?}", tokio::spawn(joins()).await);
    tokio::select! {
        _ = loses() => {}
        x = selects() => println!("{x}"),
    }
}
