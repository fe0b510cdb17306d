//! Functions made by `macro_rules!`, from fragments of every kind.

// A fragment in the head of a function loses its place when a macro takes the head apart.
#![allow(missing_docs)]

macro_rules! mk {
    ($(#[$m:meta])* $v:vis, $n:ident, $t:ty, $e:expr, $b:block, $p:pat, $i:ident, $l:lifetime) => {
        $(#[$m])*
        #[memprobe::memprobe]
        $v fn $n<$l>(x: &$l [$i], $p: u8) -> $t {
            let y = $e * 2;
            let _ = $b;
            (y, x.to_vec())
        }
    };
}
mk!(#[inline] pub, made, (u8, Vec<u8>), 1 + 2, { println!("block"); 3 }, _, u8, 'a);

macro_rules! item {
    ($i:item) => {
        #[memprobe::memprobe]
        $i
    };
}
item! { pub fn item() -> u8 { 1 } }
item! { pub async fn async_item<'a>(x: &'a str) -> Result<&'a str, std::num::ParseIntError> {
    let _: u8 = x.parse()?;
    Ok(x)
} }

macro_rules! whole {
    ($n:ident, $ret:ty, $b:block) => {
        #[memprobe::memprobe]
        pub async fn $n() -> $ret $b
    };
}
whole!(body, Option<u8>, { None });

macro_rules! tokens {
    ($($t:tt)*) => { #[memprobe::memprobe] $($t)* };
}
tokens! { pub unsafe extern "C" fn by_tokens(mut x: u8) -> u8 { x += 1; x } }

macro_rules! name_of_body {
    ($n:ident, $x:ident, $body:expr) => {
        #[memprobe::memprobe]
        pub fn $n($x: u8) -> impl Fn() -> u8 {
            let local = 1;
            move || $body + local
        }
    };
}
name_of_body!(named, local, local * 10);

fn main() {
    println!("{:?} {} {:?}", made(&[7], 8), item(), pollster::block_on(async_item("1")));
    println!("{:?} {}", pollster::block_on(body()), named(2)());
    // SAFETY: it is not really unsafe.
    println!("{}", unsafe { by_tokens(4) });
}
