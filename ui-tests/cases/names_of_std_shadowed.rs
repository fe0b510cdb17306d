//! Modules, types and macros of the user's with the names of std's and tracing's.

mod core {}
mod std {}
mod alloc {}
mod tracing {}
pub struct Option;
pub struct Some;
pub struct Result;
pub struct Site;
pub struct Frame;
pub trait Future {}
pub trait Iterator {}

#[allow(unused_macros)]
macro_rules! concat {
    () => {
        compile_error!("")
    };
}
#[allow(unused_macros)]
macro_rules! module_path {
    () => {
        compile_error!("")
    };
}
#[allow(unused_macros)]
macro_rules! file {
    () => {
        compile_error!("")
    };
}
#[allow(unused_macros)]
macro_rules! line {
    () => {
        compile_error!("")
    };
}
#[allow(unused_macros)]
macro_rules! column {
    () => {
        compile_error!("")
    };
}
#[allow(unused_macros)]
macro_rules! stringify {
    () => {
        compile_error!("")
    };
}
#[allow(unused_macros)]
macro_rules! format_args {
    () => {
        compile_error!("")
    };
}
#[allow(unused_macros)]
macro_rules! matches {
    () => {
        compile_error!("")
    };
}
#[allow(unused_macros)]
macro_rules! pin {
    () => {
        compile_error!("")
    };
}
#[allow(unused_macros)]
macro_rules! assert {
    () => {
        compile_error!("")
    };
}
#[allow(unused_macros)]
macro_rules! vec {
    () => {
        compile_error!("")
    };
}
#[allow(unused_macros)]
macro_rules! event {
    () => {
        compile_error!("")
    };
}
#[allow(unused_macros)]
macro_rules! span {
    () => {
        compile_error!("")
    };
}
#[allow(unused_macros)]
macro_rules! site {
    () => {
        compile_error!("")
    };
}
#[allow(unused_macros)]
macro_rules! option {
    () => {
        compile_error!("")
    };
}
#[allow(unused_macros)]
macro_rules! target {
    () => {
        compile_error!("")
    };
}
#[allow(unused_macros)]
macro_rules! fields {
    () => {
        compile_error!("")
    };
}
#[allow(unused_macros)]
macro_rules! callsite {
    () => {
        compile_error!("")
    };
}
#[allow(unused_macros)]
macro_rules! if_log_enabled {
    () => {
        compile_error!("")
    };
}

#[memprobe::memprobe]
pub fn f() -> u8 {
    memprobe::probe!("here");
    1
}

#[memprobe::memprobe(name = "g", target = "t", level = "debug")]
pub async fn g() -> u8 {
    memprobe::probe!("here", a = "a", b = %"b", c = ?"c");
    2
}

pub fn outside() {
    memprobe::probe!("outside");
}

fn main() {
    f();
    outside();
    pollster::block_on(g());
}
