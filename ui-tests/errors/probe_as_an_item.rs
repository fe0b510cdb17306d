//! A probe where only items can stand.

memprobe::probe!("outside");

pub struct S;

impl S {
    memprobe::probe!("inside");

    pub fn f(&self) {}
}
