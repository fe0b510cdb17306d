//! Tests run, whichever attribute stands first.
//@ test

#[memprobe::memprobe]
#[test]
#[should_panic]
fn panics() {
    panic!()
}

#[test]
#[memprobe::memprobe]
#[ignore = "slow"]
fn ignored() {}

#[tokio::test]
#[memprobe::memprobe]
async fn below() -> Result<(), String> {
    tokio::task::yield_now().await;
    Ok(())
}

#[memprobe::memprobe]
#[tokio::test]
async fn above() {
    tokio::task::yield_now().await;
}
