//! Lints of bodies say the same: no more, no fewer.

use std::collections::HashMap;

#[memprobe::memprobe]
pub fn a(x: Option<u8>) -> u8 {
    let unused = 1;
    if x.is_some() {
        return x.unwrap();
    } else {
        return 0;
    }
}

#[memprobe::memprobe]
pub async fn b(mut list: Vec<String>) -> usize {
    let mut never_changed = 1;
    for i in 0..list.len() {
        println!("{}", list[i]);
    }
    let copy = list.clone();
    copy.len() + never_changed
}

#[memprobe::memprobe]
pub fn c(map: &HashMap<String, u8>) -> String {
    let x = map.get("x").map(|x| x.clone()).unwrap_or(0);
    let s = format!("{}", "x");
    return s + &x.to_string();
}

#[memprobe::memprobe]
pub fn d(x: u32, y: &Vec<u8>, z: &String) -> bool {
    let b = if x == 1 { true } else { false };
    match b {
        true => y.len() == 0,
        false => z.len() == 0,
    }
}

#[memprobe::memprobe]
pub async fn e(x: f32) -> f32 {
    let lock = std::sync::Mutex::new(1);
    let guard = lock.lock().unwrap();
    std::future::ready(()).await;
    drop(guard);
    x * 3.0
}

#[memprobe::memprobe]
pub fn shadows(x: u8) -> u8 {
    let x = x + 1;
    let x = x + 1;
    x as u8
}

#[memprobe::memprobe]
pub fn nested(x: u8) -> u8 {
    if x > 1 {
        if x > 2 {
            if x > 3 {
                if x > 4 {
                    match x {
                        5 => return 1,
                        _ => (),
                    }
                }
            }
        }
    }
    let result = x.checked_add(1).unwrap_or_default();
    result
}

pub struct S(u8);

impl S {
    #[memprobe::memprobe]
    pub fn new() -> S {
        S(0)
    }

    #[memprobe::memprobe]
    pub fn to_u8(self) -> u8 {
        self.0
    }

    #[memprobe::memprobe]
    pub fn unused_self(&self, x: u8) -> u8 {
        x
    }

    #[memprobe::memprobe]
    pub fn wants_self(&self) -> S {
        S(self.0)
    }

    #[memprobe::memprobe]
    pub async fn len(&self) -> usize {
        usize::from(self.0)
    }
}

impl Default for S {
    #[memprobe::memprobe]
    fn default() -> S {
        panic!("in a default")
    }
}

#[memprobe::memprobe]
pub fn by_value(s: String, t: Vec<u8>) -> usize {
    s.len() + t.len()
}

#[memprobe::memprobe]
pub async fn holds(x: &std::cell::RefCell<u8>) {
    let mut guard = x.borrow_mut();
    std::future::ready(()).await;
    *guard += 1;
}

#[memprobe::memprobe]
pub fn lifetimes<'a>(x: &'a str) -> &'a str {
    x
}

#[memprobe::memprobe]
pub async fn async_lifetimes<'a>(x: &'a str) -> &'a str {
    x
}

#[memprobe::memprobe]
pub fn wrapped(x: u8) -> Option<u8> {
    Some(x)
}

#[memprobe::memprobe]
pub async fn async_wrapped(x: u8) -> Result<u8, ()> {
    Ok(x)
}

#[memprobe::memprobe]
pub fn panics(x: Option<u8>) -> Result<u8, u8> {
    assert!(x.is_some());
    Ok(x.expect("some"))
}

#[memprobe::memprobe]
pub fn complex(x: u8) -> Vec<Box<dyn Fn(Option<Result<u8, Box<dyn std::error::Error>>>) -> u8>> {
    vec![Box::new(move |_| x)]
}

#[memprobe::memprobe]
pub fn last(x: &[u8]) {
    x.iter().for_each(|x| println!("{x}"))
}

#[memprobe::memprobe]
pub async fn async_last(x: &[u8]) {
    x.iter().for_each(|x| println!("{x}"))
}

#[memprobe::memprobe]
pub unsafe fn undocumented(x: *const u8) -> u8 {
    unsafe { *x }
}

#[memprobe::memprobe]
pub fn unneeded() -> () {
    ()
}

#[memprobe::memprobe]
pub fn let_and_return() -> u8 {
    let x = 1;
    x
}

#[memprobe::memprobe]
pub async fn async_let_and_return() -> u8 {
    let x = 1;
    x
}
