//! What the soak and the hostile programs share: waiting for children, and where stderr goes.

use std::fs::File;
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Runs `work` in a forked child, which must end by itself within `limit`.
///
/// # Errors
///
/// How the child ended, if not by an exit with 0.
pub fn in_child(limit: Duration, work: impl FnOnce()) -> Result<(), String> {
    // SAFETY: the child runs `work` alone, on a copy of this thread, and ends without destructors.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let code = catch_unwind(AssertUnwindSafe(work)).map_or(101, |()| 0);
        // SAFETY: ends the child.
        unsafe { libc::_exit(code) };
    }
    let since = Instant::now();
    loop {
        let mut status = 0;
        // SAFETY: `status` is written to.
        let ended = unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) };
        match ended {
            0 if since.elapsed() < limit => std::thread::sleep(Duration::from_millis(1)),
            0 => {
                // SAFETY: the child is this process's own.
                unsafe { libc::kill(child, libc::SIGKILL) };
                // SAFETY: as above.
                unsafe { libc::waitpid(child, &raw mut status, 0) };
                return Err(format!("it had not ended after {limit:?}"));
            }
            _ if status == 0 => return Ok(()),
            _ => return Err(format!("it ended with status {status:#x}")),
        }
    }
}

/// Sends stderr into a pipe from now on. Returns its other end, and the stderr of before.
///
/// # Panics
///
/// If there is no pipe to be had.
pub fn take_stderr() -> (File, File) {
    let mut ends = [0; 2];
    // SAFETY: writes two descriptors, which belong to nobody else.
    let (read, write) = unsafe {
        assert_eq!(libc::pipe(ends.as_mut_ptr()), 0, "a pipe");
        (File::from_raw_fd(ends[0]), File::from_raw_fd(ends[1]))
    };
    let before = std::io::stderr().as_fd().try_clone_to_owned().expect("a descriptor");
    // SAFETY: both are open descriptors.
    let code = unsafe { libc::dup2(write.as_raw_fd(), libc::STDERR_FILENO) };
    assert_eq!(code, libc::STDERR_FILENO);
    (read, before.into())
}
