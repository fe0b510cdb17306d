//! An error about `Send` names the user's value and the await.
//@ errs

use std::rc::Rc;

#[memprobe::memprobe]
pub async fn a() {
    let r = Rc::new(1);
    std::future::ready(()).await;
    drop(r);
}

pub fn spawn<T: Send>(_: T) {}

pub fn b() {
    spawn(a());
}
