//! What the tests share: programs as processes, and requests to them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process that is killed when it is dropped.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program that prints its address in its first line, and returns the address.
///
/// # Panics
///
/// Panics if it does not.
pub fn start(command: &mut Command) -> (Process, String) {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("its first line");
    (Process(child), line.trim().to_owned())
}

/// Returns the body of a page, or what went wrong.
///
/// # Errors
///
/// Returns what went wrong, or the page if its status is not 200.
pub fn get(address: &str, path: &str) -> Result<String, String> {
    let exchange = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        // HTTP 1.0, so that the answer ends with the connection and has no chunks.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = exchange().map_err(|error| error.to_string())?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.split(' ').nth(1) == Some("200") => Ok(body.to_owned()),
        _ => Err(answer),
    }
}

/// Tries until there is a value. It gives up after two minutes with what stood in the way.
///
/// # Panics
///
/// Panics if it gives up.
pub fn until<T>(mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(why) if start.elapsed() > Duration::from_secs(120) => panic!("{why}"),
            Err(_) => std::thread::sleep(Duration::from_millis(200)),
        }
    }
}

/// Escapes a text for the query of a URL.
pub fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let escape =
        |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(escape).collect()
}

/// Whether a program is there. If not, it says on stderr that what needs it is skipped.
pub fn has(program: &str) -> bool {
    let runs = Command::new(program).arg("--version").output().is_ok();
    if !runs {
        eprintln!("SKIPPED {program} is not installed");
    }
    runs
}
