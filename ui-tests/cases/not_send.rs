//! An error about `Send` names the user's value.
//@ errs

use std::rc::Rc;

#[memprobe::memprobe]
pub async fn a() {
    let r = Rc::new(1);
    std::future::ready(()).await;
    drop(r);
}

pub fn b() {
    tokio::spawn(a());
}
