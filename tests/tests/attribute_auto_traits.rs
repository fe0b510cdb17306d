//! `scope_future` takes no auto trait from a future; what `#[memprobe]` makes is held against
//! plain Rust in `ui-tests`.

use std::future::{Future, ready};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

use memprobe::memprobe;

fn check<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'static>(future: T) -> T {
    future
}

#[memprobe]
async fn not_send(x: Rc<u8>) -> u8 {
    ready(()).await;
    *x
}

#[tokio::test(flavor = "current_thread")]
async fn a_future_keeps_its_auto_traits() {
    assert_eq!(check(memprobe::scope_future("ready", ready(1))).await, 1);
    assert_eq!(memprobe::scope_future("local", not_send(Rc::new(2))).await, 2);
    let boxed: Box<dyn Future<Output = u8>> = Box::new(not_send(Rc::new(3)));
    assert_eq!(Box::into_pin(boxed).await, 3);
}
