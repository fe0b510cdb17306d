//! Builds the programs of this package, each with the features of one peer.

use std::path::PathBuf;
use std::process::Command;

/// Builds a program in release; gives where it is kept, under the name of its feature too,
/// because two peers may be one program.
///
/// # Errors
///
/// What cargo says where it does not build.
pub fn build(binary: &str, feature: &str) -> Result<PathBuf, String> {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--release", "--package=memprobe-bench", "--message-format=json"])
        .args(["--bin", binary, "--features", feature])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let messages = String::from_utf8_lossy(&output.stdout).into_owned();
    let built = messages.lines().find_map(|line| {
        let path = PathBuf::from(line.split("\"executable\":\"").nth(1)?.split('"').next()?);
        (path.file_stem()? == binary).then_some(path)
    });
    let built = built.ok_or_else(|| format!("cargo names no program {binary}"))?;
    let kept = built.with_file_name(format!("{binary}-{feature}"));
    std::fs::copy(&built, &kept).map_err(|error| error.to_string())?;
    Ok(kept)
}
