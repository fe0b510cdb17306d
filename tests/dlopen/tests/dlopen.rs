//! A library with memprobe in it loads into a running program with the feature `dlopen` alone,
//! and its figures are exact, on every thread.

use std::ffi::{CStr, CString, c_void};
use std::path::PathBuf;
use std::thread;

/// Cargo puts it beside the test.
fn library() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    test.with_file_name("libmemprobe_plugin.so")
}

fn load() -> Result<*mut c_void, String> {
    let path = CString::new(library().into_os_string().into_encoded_bytes()).expect("a path");
    // SAFETY: the library's initializers do what those of any Rust library do; what `dlerror`
    // gives is a text of the thread's own.
    unsafe {
        let library = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
        if library.is_null() {
            return Err(CStr::from_ptr(libc::dlerror()).to_string_lossy().into_owned());
        }
        Ok(library)
    }
}

#[test]
fn it_loads_with_the_feature_alone() {
    // Programs have used up some of the room for such libraries, as Python has.
    let loaded = load();
    if !cfg!(feature = "dlopen") {
        let why = loaded.expect_err("the feature is needed");
        assert!(why.contains("cannot allocate memory in static TLS block"), "{why}");
        return;
    }
    let library = loaded.expect("it loads");
    // SAFETY: the library has this function, of this type.
    let allocated: extern "C" fn(usize) -> i64 = unsafe {
        let function = libc::dlsym(library, c"memprobe_plugin_allocated".as_ptr());
        assert!(!function.is_null());
        std::mem::transmute(function)
    };
    assert_eq!(allocated(1 << 20), 1 << 20);
    assert_eq!(allocated(3 << 20), 4 << 20);
    let elsewhere = thread::spawn(move || allocated(1 << 16)).join().expect("no panic");
    assert_eq!(elsewhere, (4 << 20) + (1 << 16));
}
