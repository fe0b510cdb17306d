//! `memprobe watch` in a pseudo terminal, as a terminal emulator shows it.
#![cfg(unix)]

mod common;

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::log;

const ROWS: u16 = 40;
const COLUMNS: u16 = 150;

struct Terminal {
    command: Child,
    keyboard: File,
    screen: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    /// Runs `memprobe watch` on a file.
    fn watch(file: &Path) -> Terminal {
        let size = libc::winsize { ws_row: ROWS, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
        let (mut ours, mut theirs) = (-1, -1);
        let null = std::ptr::null_mut();
        // SAFETY: fills in two descriptors; a name and settings are not asked for.
        let opened = unsafe {
            libc::openpty(
                &raw mut ours,
                &raw mut theirs,
                null,
                null.cast(),
                (&raw const size).cast_mut(),
            )
        };
        assert_eq!(opened, 0, "a pseudo terminal");
        // SAFETY: both were opened above, and nobody else has them.
        let (ours, theirs) = unsafe { (File::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) };
        let end = || theirs.try_clone().expect("a descriptor");
        let command = Command::new(env!("CARGO_BIN_EXE_memprobe"))
            .args(["watch", "--every", "0.1"])
            .arg(file)
            .env("TERM", "xterm-256color")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("it runs");
        let screen = Arc::new(Mutex::new(vt100::Parser::new(ROWS, COLUMNS, 0)));
        let (mut output, shown) = (ours.try_clone().expect("a descriptor"), Arc::clone(&screen));
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Ends with an error once nobody has the other end.
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                shown.lock().expect("no panic").process(&bytes[..count]);
            }
        });
        Terminal { command, keyboard: ours, screen }
    }

    fn text(&self) -> String {
        self.screen.lock().expect("no panic").screen().contents()
    }

    /// Waits until the screen is as wanted.
    fn wait_for(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        let until = Instant::now() + Duration::from_secs(60);
        while !is_so(&self.text()) {
            assert!(Instant::now() < until, "no {what} on the screen:\n{}", self.text());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("a terminal");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.command.kill();
        let _ = self.command.wait();
    }
}

#[test]
fn a_compressed_log_is_not_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("service.log.gz");
    fs::write(&file, [0x1f, 0x8b, 8, 0]).expect("a file");
    let mut terminal = Terminal::watch(&file);
    terminal.wait_for("reason", |text| text.contains("it is compressed, and cannot be followed"));
    assert_eq!(terminal.command.wait().expect("its end").code(), Some(2));
}

#[test]
fn the_table_follows_the_log_through_its_rotation() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("service.log");
    let whole = log("json.log");
    let (first, rest) =
        whole.split_at(whole.len() / 2 + whole[whole.len() / 2..].find('\n').unwrap_or(0) + 1);
    fs::write(&file, "nothing of memprobe's\n").expect("a file");
    let mut terminal = Terminal::watch(&file);
    terminal.wait_for("empty log", |text| text.contains("nothing of memprobe's yet"));

    let append = |text: &str| {
        let mut file = OpenOptions::new().append(true).open(&file).expect("the log");
        file.write_all(text.as_bytes()).expect("room");
    };
    append(first);
    terminal
        .wait_for("function", |text| text.contains("handler   ") && text.contains("1 process,"));
    let before = terminal.text();
    // A line that is written in two pieces is read once it is whole.
    let (half, other_half) = rest.split_at(100);
    append(half);
    append(other_half);
    terminal.wait_for("function of the second half", |text| text.contains("open_at_the_end"));
    assert!(!before.contains("open_at_the_end"), "{before}");
    terminal.wait_for("verdict", |text| text.contains("pressure  task peaks at"));
    assert!(terminal.text().contains(" 0 unreadable"), "{}", terminal.text());

    terminal.press("c");
    terminal.wait_for("order by calls", |text| text.contains("calls v"));

    // Rotation, to a log that is longer at once than what was read of the one before.
    fs::rename(&file, folder.path().join("service.log.1")).expect("a name");
    fs::write(&file, log("pretty.log").repeat(2)).expect("a file");
    terminal.wait_for("process of the next log", |text| text.contains("2 processes"));

    terminal.press("q");
    let status = terminal.command.wait().expect("its end");
    assert!(status.success(), "{status}");
    let screen = terminal.screen.lock().expect("no panic");
    assert!(!screen.screen().alternate_screen(), "the terminal was not given back");
}
