//! The program's own configuration of jemalloc, and that of the environment, hold beside what the
//! macro sets.

use std::ffi::CStr;
use std::process::Command;
use std::ptr;

use memprobe_live::{MIB, MallocConf, large, owned_by};

memprobe::global_allocator!(live);

#[used]
#[unsafe(export_name = "_rjem_malloc_conf")]
static OWN: MallocConf = MallocConf::of(c"narenas:3");

fn read<T: Default>(name: &CStr) -> T {
    let (mut value, mut size) = (T::default(), size_of::<T>());
    // SAFETY: the name ends with NUL, and jemalloc refuses a value of another size.
    let code = unsafe {
        tikv_jemalloc_sys::mallctl(
            name.as_ptr(),
            (&raw mut value).cast(),
            &raw mut size,
            ptr::null_mut(),
            0,
        )
    };
    assert_eq!(code, 0, "{name:?}");
    value
}

/// Runs the test below in a process of its own.
fn run(configuration: &str) -> String {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "says_what_it_finds", "--ignored", "--nocapture"])
        .env("_RJEM_MALLOC_CONF", configuration)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let found = text.lines().find_map(|line| line.split_once("found: "));
    found.expect("it says so").1.to_owned()
}

#[test]
#[ignore = "run by the others"]
fn says_what_it_finds() {
    let live = memprobe::live().expect("prof:true comes from the macro");
    let block = large();
    let sampled = owned_by(memprobe::report::OwnerKind::NotAnnotated);
    drop(block);
    let arenas: u32 = read(c"opt.narenas");
    println!("found: {} {} {arenas} {sampled}", live.active, live.interval);
}

#[test]
fn the_programs_own_configuration_holds() {
    assert_eq!(read::<u32>(c"opt.narenas"), 3);
    assert_eq!(read::<u8>(c"opt.prof"), 1);
    assert_eq!(run(""), format!("true {} 3 16", MIB / 2));
}

#[test]
fn the_environment_switches_sampling_off() {
    assert_eq!(run("prof_active:false"), format!("false {} 3 0", MIB / 2));
}

#[test]
fn the_environment_sets_the_interval() {
    assert_eq!(run("lg_prof_sample:17"), "true 131072 3 16");
    assert_eq!(run("narenas:2,lg_prof_sample:12"), "true 4096 2 16");
}
