//! `probe!` in closures, async blocks, loops, matches and other macros.

#[memprobe::memprobe]
pub async fn g() -> usize {
    tokio::join!(async { memprobe::probe!("in-join") }, async move {
        memprobe::probe!("b");
    });
    let c = move || {
        memprobe::probe!("c");
    };
    c();
    let list = vec![{
        memprobe::probe!("d");
        2
    }];
    for _ in &list {
        memprobe::probe!("loop");
    }
    match list.len() {
        0 => memprobe::probe!("none"),
        1 => {
            memprobe::probe!("one");
            println!("one");
        }
        _ => println!("more"),
    }
    if list.is_empty() {
        return 0;
    }
    list.len()
}

pub struct Probes;

impl Drop for Probes {
    fn drop(&mut self) {
        println!("dropping");
        memprobe::probe!("dropped");
    }
}

#[memprobe::memprobe]
pub fn borrows(mut list: Vec<u8>) -> Vec<u8> {
    let _probes = Probes;
    let last = list.last_mut();
    memprobe::probe!("last", last = ?last);
    if let Some(last) = last {
        *last += 1;
    }
    list
}

fn main() {
    println!("{} {:?}", pollster::block_on(g()), borrows(vec![1]));
}
