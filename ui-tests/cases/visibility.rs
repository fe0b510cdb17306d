//! Every visibility.

pub mod m {
    #[memprobe::memprobe]
    pub(in crate::m) async fn g() {}

    #[memprobe::memprobe]
    pub(super) fn h() {}

    #[memprobe::memprobe]
    pub(crate) fn i() {}

    #[memprobe::memprobe]
    fn private() {}
}

fn main() {
    m::h();
    m::i();
}
