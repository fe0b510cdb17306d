//! A memory cgroup of a child's own, version 1 or 2: made beside what is there, and removed
//! when it is dropped.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The group, with its limit.
#[derive(Debug)]
pub struct Cgroup(PathBuf, Version);

impl Cgroup {
    /// Makes a group with a limit on memory and, where the kernel counts it, on swap.
    ///
    /// # Errors
    ///
    /// Says why none can be made.
    pub fn new(limit: u64) -> Result<Cgroup, String> {
        let (version, ours, top) = memory_controller().ok_or("no memory cgroup is mounted")?;
        let mut why = String::new();
        // In version 2 a group with processes has no groups with limits in it: then beside it.
        for parent in ours.ancestors().take_while(|parent| parent.starts_with(&top)) {
            match Cgroup::make(parent, version, limit) {
                Ok(group) => return Ok(group),
                Err(error) => why = format!("{}: {error}", parent.display()),
            }
        }
        Err(format!("no memory cgroup can be made in {why}"))
    }

    fn make(parent: &Path, version: Version, limit: u64) -> io::Result<Cgroup> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("memprobe-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        fs::create_dir(parent.join(&name))?;
        let group = Cgroup(parent.join(name), version);
        if !group.0.join(version.limit_file()).exists() {
            return Err(io::Error::other("it has no memory controller for groups in it"));
        }
        group.set_limit(limit)?;
        Ok(group)
    }

    /// Gives the group another limit; [`i64::MAX`] is none.
    ///
    /// # Errors
    ///
    /// Those of the kernel, which refuses a limit below what is used.
    pub fn set_limit(&self, limit: u64) -> io::Result<()> {
        let set = |file: &str, limit: u64| match self.0.join(file) {
            file if file.exists() => fs::write(file, limit.to_string()),
            _ => Ok(()),
        };
        match self.1 {
            Version::V1 => {
                // The limit with swap is never the smaller one: it is raised first.
                let _ = set("memory.memsw.limit_in_bytes", limit);
                set(self.1.limit_file(), limit)?;
                set("memory.memsw.limit_in_bytes", limit)
            }
            Version::V2 => {
                set("memory.swap.max", 0)?;
                set(self.1.limit_file(), limit)
            }
        }
    }

    /// Takes a process into the group.
    ///
    /// # Errors
    ///
    /// Those of the kernel.
    pub fn take(&self, process: u32) -> io::Result<()> {
        fs::write(self.0.join("cgroup.procs"), process.to_string())
    }

    /// Runs a program in the group, to its end.
    ///
    /// # Panics
    ///
    /// If it cannot be run, or is not done within a minute.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Output {
        self.start(program, arguments, Stdio::null()).end()
    }

    /// Runs a program in the group, to its end. Once it has written a line `ready`, it waits
    /// for the end of its input until `change` is done, which is given the id of the process.
    ///
    /// # Panics
    ///
    /// If it cannot be run, writes something else, or is not done within a minute.
    pub fn run_and_change(
        &self,
        program: &str,
        arguments: &[&str],
        change: impl FnOnce(u32),
    ) -> Output {
        let mut running = self.start(program, arguments, Stdio::piped());
        let child = running.0.as_mut().expect("not waited for");
        let mut line = [0; 6];
        child.stdout.as_mut().expect("piped").read_exact(&mut line).expect("a line");
        assert_eq!(&line, b"ready\n");
        change(child.id());
        drop(child.stdin.take());
        running.end()
    }

    fn start(&self, program: &str, arguments: &[&str], stdin: Stdio) -> Running {
        // Who reads a page first pays for it. Were the program's own pages charged to the group,
        // the kernel would take them back at the limit and read them again, without end, in place
        // of the kill.
        fs::read(program).expect("the program is a file that can be read");
        // The shell goes into the group and becomes the program.
        let child = Command::new("sh")
            .args(["-c", "echo $$ > \"$0\" && exec \"$@\""])
            .arg(self.0.join("cgroup.procs"))
            .arg(program)
            .args(arguments)
            .env_remove("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
            .env_remove("MEMPROBE_WATCH")
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell");
        Running(Some(child))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A killed process takes a moment to leave.
        for _ in 0..200 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        eprintln!("{} is left behind", self.0.display());
    }
}

/// Killed if a test fails before it ends.
struct Running(Option<Child>);

impl Running {
    fn end(mut self) -> Output {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.is_running() {
            assert!(Instant::now() < deadline, "it neither ends nor is killed");
            std::thread::sleep(Duration::from_millis(2));
        }
        self.0.take().expect("not waited for").wait_with_output().expect("its output")
    }

    fn is_running(&mut self) -> bool {
        let child = self.0.as_mut().expect("not waited for");
        child.try_wait().expect("a child of ours").is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Version {
    V1,
    V2,
}

impl Version {
    fn limit_file(self) -> &'static str {
        match self {
            Version::V1 => "memory.limit_in_bytes",
            Version::V2 => "memory.max",
        }
    }
}

/// The version that has the memory controller, the group of this process, and the top of its
/// mount.
fn memory_controller() -> Option<(Version, PathBuf, PathBuf)> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let path = |is_it: &dyn Fn(&str) -> bool| {
        groups.lines().find_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            is_it(controllers).then(|| path.to_owned())
        })
    };
    let (version, path) = match path(&|names| names.split(',').any(|name| name == "memory")) {
        Some(path) => (Version::V1, path),
        None => (Version::V2, path(&str::is_empty)?),
    };
    let (shows, at) = mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let kind: Vec<&str> = kind.split(' ').collect();
        let is_it = match version {
            Version::V1 => {
                kind[0] == "cgroup" && kind[2].split(',').any(|option| option == "memory")
            }
            Version::V2 => kind[0] == "cgroup2",
        };
        let place: Vec<&str> = place.split(' ').collect();
        is_it.then(|| (PathBuf::from(place[3]), PathBuf::from(place[4])))
    })?;
    let inside = Path::new(&path).strip_prefix(shows).unwrap_or(Path::new("")).to_owned();
    Some((version, at.join(inside), at))
}
