//! A service that makes thumbnails, with a mistake in it.

use std::time::Duration;

use memprobe::{memprobe, probe};

memprobe::global_allocator!();

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), memprobe::watch::WatchError> {
    tracing_subscriber::fmt().with_ansi(false).init();
    memprobe::Watch::new().install()?;
    let requests: Vec<_> = (1..=40).map(|photo| tokio::spawn(thumbnail(photo))).collect();
    for request in requests {
        let _ = request.await;
    }
    println!("40 thumbnails");
    Ok(())
}

#[memprobe]
async fn thumbnail(photo: u64) {
    let file = download(photo).await;
    probe!("downloaded", bytes = file.len());
    let pixels = decode(&file);
    drop(file);
    probe!("decoded");
    let small: Vec<u8> = pixels.iter().copied().step_by(64).collect();
    probe!("shrunk");
    upload(photo, small).await;
}

/// Photographs arrive one after the other.
async fn download(photo: u64) -> Vec<u8> {
    tokio::time::sleep(Duration::from_millis(photo * 30)).await;
    vec![photo as u8; 300 << 10]
}

#[memprobe]
fn decode(file: &[u8]) -> Vec<u8> {
    file.repeat(20)
}

/// Today the store is slow.
async fn upload(_photo: u64, _small: Vec<u8>) {
    tokio::time::sleep(Duration::from_secs(1)).await;
}
