//! A test that runs again as a Lambda: its environment is set before it starts.

use std::env;
use std::ffi::OsStr;
use std::process::Stdio;

use tokio::process::{Child, Command};

/// Whether this process is the Lambda.
pub fn is_this() -> bool {
    env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// Starts the test of this name as the Lambda `function`, with the Runtime API at `api`.
///
/// # Panics
///
/// If it does not start.
pub fn start(test: &str, function: &str, api: impl AsRef<OsStr>) -> Child {
    Command::new(env::current_exe().expect("this test"))
        .args(["--exact", test, "--nocapture"])
        .env("AWS_LAMBDA_RUNTIME_API", api)
        .env("AWS_LAMBDA_FUNCTION_NAME", function)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "300")
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("a process")
}
