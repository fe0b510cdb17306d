//! The program that asks for heap profiles, and the directory that it writes them to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A directory of its own, removed when it is dropped.
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new(name: &str) -> Directory {
        let name = format!("memprobe-{name}-{}", std::process::id());
        Directory(std::env::temp_dir().join(name))
    }

    pub fn files(&self) -> Vec<String> {
        let Ok(files) = fs::read_dir(&self.0) else { return Vec::new() };
        let name = |file: fs::DirEntry| file.file_name().into_string().expect("text");
        let mut files: Vec<_> = files.map(|file| name(file.expect("a file"))).collect();
        files.sort();
        files
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The events that are about profiles.
pub fn run(directory: &Path, configuration: &str) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_memprobe-profiling"))
        .arg(directory)
        .env("_RJEM_MALLOC_CONF", configuration)
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    let stdout = String::from_utf8(output.stdout).expect("text");
    let events = stdout.lines().skip(1).map(|line| serde_json::from_str(line).expect("JSON"));
    let fields = events.map(|event: Value| event["fields"].clone());
    fields.filter(|fields| fields["memprobe"] != "watch").collect()
}

pub const SAMPLE: &str = "prof:true,lg_prof_sample:12";
