//! Rates as people write them.

#[memprobe::memprobe(rate = 0)]
pub fn no_limit() {}

#[memprobe::memprobe(rate = 1_000)]
pub fn separated() {}

#[memprobe::memprobe(rate = 0x10)]
pub fn hexadecimal() {}

#[memprobe::memprobe(rate = 0.1)]
pub fn every_ten_seconds() {}

#[memprobe::memprobe(rate = 1.)]
pub fn without_a_fraction() {}

#[memprobe::memprobe(rate = 2.5e-3)]
pub async fn every_400_seconds() {}

macro_rules! with_rate {
    ($rate:literal, $name:ident) => {
        #[memprobe::memprobe(rate = $rate)]
        pub fn $name() {}
    };
}

with_rate!(0.5, from_a_macro);
with_rate!(7, also_from_a_macro);
