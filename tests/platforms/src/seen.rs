//! What takes more than a look: the limit, the watch and its line, what is sampled.

use memprobe::status::Sampling;
use memprobe::watch::WatchMode;
use memprobe::{Limit, Process, Status, Watch};

/// Whether the system's own limit is found, and the usage against it. It can be told only where
/// there is one.
pub fn limit(process: &Process) -> Result<bool, String> {
    match &process.limit {
        Some(_) => Ok(process.used().is_some()),
        None if cfg!(any(target_os = "linux", target_os = "android")) => {
            Err("SKIPPED no cgroup here has a limit".to_owned())
        }
        None => Ok(false),
    }
}

pub fn sampled(status: &Status) -> Result<bool, String> {
    match status.sampling {
        Sampling::Active { .. } => {
            let kept = keep();
            let half = kept.len() as u64 / 2;
            let owned = memprobe::live().is_ok_and(|live| live.total.bytes > half);
            if owned { Ok(true) } else { Err("64 MiB that live are in no sample".to_owned()) }
        }
        _ if cfg!(feature = "sampled") => Ok(false),
        _ => Err("SKIPPED built without the feature `sampled`".to_owned()),
    }
}

#[memprobe::memprobe]
fn keep() -> Vec<u8> {
    std::hint::black_box(vec![1; 64 << 20])
}

/// Installs a watch, and crosses a threshold by memory that nobody touches. Returns how the watch
/// looks, and whether its line came.
pub fn watch() -> (WatchMode, Result<bool, String>) {
    let stderr = stderr::take();
    let used = memprobe::process().rss.unwrap_or(64 << 20);
    let limit = Limit::from_bytes((used + (64 << 20)) * 2);
    let mode = Watch::new().limit(limit).thresholds([0.5]).install().unwrap_or(WatchMode::Off);
    grow(usize::try_from(used).unwrap_or(0) + (80 << 20));
    let text = stderr.text();
    let crossed = text.lines().any(|line| line.starts_with("memprobe: threshold=50%"));
    if crossed || text.is_empty() {
        return (mode, Ok(crossed));
    }
    (mode, Err(format!("another line came: {text}")))
}

/// Touches what it allocates, since not all systems show memory before it is touched. In parts, so
/// that a look at points comes in between.
#[memprobe::memprobe]
fn grow(bytes: usize) {
    let mut parts = Vec::new();
    for _ in 0..bytes >> 20 {
        parts.push(std::hint::black_box(vec![1_u8; 1 << 20]));
        std::thread::sleep(std::time::Duration::from_micros(100));
        memprobe::probe!("part");
    }
    std::thread::sleep(std::time::Duration::from_millis(20));
    memprobe::probe!("whole");
}

/// Where stderr goes meanwhile: a file, whose text is read afterwards.
#[cfg(unix)]
mod stderr {
    use std::fs::File;
    use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
    use std::path::PathBuf;

    pub struct Taken {
        before: OwnedFd,
        path: PathBuf,
    }

    pub fn take() -> Taken {
        let path = std::env::temp_dir().join(format!("memprobe-row-{}", std::process::id()));
        let file = File::create(&path).expect("a file");
        let before = std::io::stderr().as_fd().try_clone_to_owned().expect("a descriptor");
        // SAFETY: both are open descriptors.
        unsafe { libc::dup2(file.as_raw_fd(), libc::STDERR_FILENO) };
        Taken { before, path }
    }

    impl Taken {
        pub fn text(self) -> String {
            // SAFETY: both are open descriptors.
            unsafe { libc::dup2(self.before.as_raw_fd(), libc::STDERR_FILENO) };
            let text = std::fs::read_to_string(&self.path).expect("a text");
            std::fs::remove_file(&self.path).expect("a file");
            text
        }
    }
}

#[cfg(windows)]
mod stderr {
    use std::ffi::c_void;
    use std::fs::File;
    use std::os::windows::io::AsRawHandle as _;

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn SetStdHandle(which: u32, handle: *mut c_void) -> i32;
    }

    pub struct Taken(std::path::PathBuf, File);

    pub fn take() -> Taken {
        let path = std::env::temp_dir().join(format!("memprobe-row-{}", std::process::id()));
        let file = File::create(&path).expect("a file");
        // SAFETY: the file stays open until the text was read. The number is that of stderr.
        unsafe { SetStdHandle(-12_i32 as u32, file.as_raw_handle()) };
        Taken(path, file)
    }

    impl Taken {
        pub fn text(self) -> String {
            std::fs::read_to_string(&self.0).expect("a text")
        }
    }
}
