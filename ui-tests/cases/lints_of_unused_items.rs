//! Lints of items still fire: `dead_code`, also where it is expected.

#[expect(dead_code)]
#[memprobe::memprobe]
fn unused() {}

#[memprobe::memprobe]
fn unused_and_said() {}

#[memprobe::memprobe]
async fn unused_async_and_said() {}

pub struct S;

impl S {
    #[memprobe::memprobe]
    fn method(&self, unused_argument: u8) -> u8 {
        let unused_variable = 1;
        0
    }
}

#[memprobe::memprobe]
pub fn not_snake_Case(Arg: u8) -> u8 {
    let unused_in_body = Arg;
    2
}

#[memprobe::memprobe]
pub fn too_many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8) -> u8 {
    a + b + c + d + e + f + g + h
}
