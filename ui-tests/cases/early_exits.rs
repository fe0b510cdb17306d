//! `?`, `return`, labelled `break`, in closures and nested blocks too.

#[memprobe::memprobe]
pub fn f(x: Option<u8>) -> Option<u8> {
    let y = x?;
    let z = 'a: {
        if y > 1 {
            break 'a 7;
        }
        2
    };
    let c = |v: u8| {
        if v > 1 {
            return 0;
        }
        v
    };
    if y == 3 {
        return Some(9);
    }
    Some(c(z))
}

#[memprobe::memprobe]
pub async fn g(x: Option<u8>) -> Option<u8> {
    let y = x?;
    let z = async {
        if y > 1 {
            return 7;
        }
        2
    };
    if y == 3 {
        return Some(9);
    }
    let z = z.await;
    for i in 0..10 {
        if i == y {
            return Some(i + z);
        }
    }
    None
}

#[memprobe::memprobe]
pub fn unit(x: u8) {
    if x == 1 {
        return;
    }
    println!("not 1");
}

#[memprobe::memprobe]
pub fn needless(x: u8) -> u8 {
    return x;
}

#[memprobe::memprobe]
pub async fn async_needless(x: u8) -> u8 {
    return x;
}

fn main() {
    for x in [None, Some(0), Some(1), Some(2), Some(3), Some(20)] {
        println!("{:?} {:?}", f(x), pollster::block_on(g(x)));
    }
    unit(1);
    unit(2);
    println!("{} {}", needless(1), pollster::block_on(async_needless(2)));
}
