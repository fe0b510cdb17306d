//! A client that can leave a request half sent, and go.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A connection that is kept alive.
pub struct Client(BufReader<TcpStream>);

/// An answer: its status and its body.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Client {
    pub fn of(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("the service listens");
        stream.set_nodelay(true).expect("a socket");
        Client(BufReader::new(stream))
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.ask(path);
        self.answer()
    }

    pub fn post(&mut self, path: &str, body: &[u8]) -> Answer {
        self.begin(path, body.len(), body);
        self.answer()
    }

    /// Sends the head of a request whose body has so many bytes, and the first ones of these.
    pub fn begin(&mut self, path: &str, bytes: usize, first: &[u8]) {
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {bytes}\r\n\r\n");
        self.send(&head, first);
    }

    /// Sends the rest of a body, and waits for the answer.
    pub fn end(&mut self, rest: &[u8]) -> Answer {
        self.send("", rest);
        self.answer()
    }

    fn send(&mut self, head: &str, body: &[u8]) {
        let mut bytes = head.as_bytes().to_vec();
        bytes.extend_from_slice(body);
        self.0.get_mut().write_all(&bytes).expect("the service reads");
    }

    fn answer(&mut self) -> Answer {
        let mut line = || {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("the service answers");
            line.trim_end().to_ascii_lowercase()
        };
        let status = line();
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok());
        let (mut bytes, mut is_chunked) = (0, false);
        loop {
            let header = line();
            if let Some(length) = header.strip_prefix("content-length: ") {
                bytes = length.parse().expect("a number");
            }
            is_chunked |= header == "transfer-encoding: chunked";
            if header.is_empty() {
                break;
            }
        }
        let mut body = self.read(bytes);
        while is_chunked {
            let chunk = self.chunk();
            is_chunked = !chunk.is_empty();
            body.extend(chunk);
        }
        Answer { status: status.expect("a status"), body }
    }

    /// The next chunk of a stream; empty at its end.
    fn chunk(&mut self) -> Vec<u8> {
        let mut length = String::new();
        self.0.read_line(&mut length).expect("a chunk");
        let length = usize::from_str_radix(length.trim_end(), 16).expect("a length");
        let chunk = self.read(length);
        assert_eq!(self.read(2), b"\r\n");
        chunk
    }

    fn read(&mut self, bytes: usize) -> Vec<u8> {
        let mut read = vec![0; bytes];
        self.0.read_exact(&mut read).expect("the whole answer");
        read
    }

    /// Asks, and leaves the answer unread.
    pub fn ask(&mut self, path: &str) {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"), &[]);
    }
}
