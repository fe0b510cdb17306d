//! Services on axum, requests to them, and bodies that a closure makes.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use hyper::body::{Body, Bytes, Frame};
use memprobe::InFlight;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves on a free port, until the runtime ends.
///
/// # Panics
///
/// Where there is no port.
pub async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

/// Sends a request without a body. The service closes the connection once it has answered.
///
/// # Panics
///
/// Where the service is gone.
pub async fn send(address: SocketAddr, method: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("the service listens");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\naccept-encoding: gzip\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("the service reads");
    stream
}

/// Sends a request, and returns all of the answer: empty where the service closes the connection
/// instead.
///
/// # Panics
///
/// Where the service is gone.
pub async fn ask(address: SocketAddr, method: &str, path: &str) -> Vec<u8> {
    let mut answer = Vec::new();
    // Where the service resets the connection, what came before is the answer.
    let _ = send(address, method, path).await.read_to_end(&mut answer).await;
    answer
}

/// Waits until no call runs.
///
/// # Panics
///
/// If one still runs after a minute.
pub async fn until_idle() {
    until(<[_]>::is_empty).await;
}

/// Waits until the calls that run are as they should be.
///
/// # Panics
///
/// If they are not after a minute.
pub async fn until(is: impl Fn(&[InFlight]) -> bool) {
    let began = Instant::now();
    loop {
        let running = memprobe::in_flight();
        if is(&running) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{running:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The next frame of a body.
pub type NextFrame<E> = Poll<Option<Result<Frame<Bytes>, E>>>;

/// A body whose frames a closure makes.
pub struct Frames<F>(pub F);

impl<F, E> Body for Frames<F>
where
    F: FnMut() -> NextFrame<E> + Unpin,
{
    type Data = Bytes;
    type Error = E;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> NextFrame<E> {
        (self.0)()
    }
}

/// A body of so many blocks of 64 KiB.
pub fn blocks(count: usize) -> Frames<impl FnMut() -> NextFrame<Infallible> + Send + 'static> {
    let mut left = count;
    Frames(move || {
        let Some(rest) = left.checked_sub(1) else { return Poll::Ready(None) };
        left = rest;
        Poll::Ready(Some(Ok(Frame::data(block()))))
    })
}

/// A block of 64 KiB, which is a size class of jemalloc.
pub fn block() -> Bytes {
    Bytes::from(vec![1; BLOCK])
}

/// Bytes of a block.
pub const BLOCK: usize = 64 << 10;
