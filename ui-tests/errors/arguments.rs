//! Arguments that are none.

use memprobe::memprobe;

#[memprobe(nmae = "x")]
pub fn unknown() {}

#[memprobe("x")]
pub fn bare() {}

#[memprobe("x" "y")]
pub fn two_bare() {}

#[memprobe(name)]
pub fn no_value() {}

#[memprobe(name =)]
pub fn no_value_either() {}

#[memprobe(name = 1)]
pub fn number_for_text() {}

#[memprobe(name = NAME)]
pub fn path_for_text() {}

#[memprobe(name = "")]
pub fn empty() {}

#[memprobe(name("x"))]
pub fn parentheses() {}

#[memprobe = "x"]
pub fn equals() {}

#[memprobe(name = "a", name = "b")]
pub fn twice() {}

#[memprobe(name = "a" target = "b")]
pub fn no_comma() {}

#[memprobe(name = "a",, target = "b")]
pub fn two_commas() {}

#[memprobe(level = "inof")]
pub fn no_level() {}

#[memprobe(level = Level::INFO)]
pub fn path_for_level() {}

#[memprobe(level = debug)]
pub fn word_for_level() {}

#[memprobe(rate = "10")]
pub fn text_for_rate() {}

#[memprobe(rate = -1)]
pub fn negative_rate() {}

#[memprobe(rate = -0.5)]
pub fn negative_fraction_for_rate() {}

#[memprobe(rate = f64::NAN)]
pub fn path_for_rate() {}

#[memprobe(rate = true)]
pub fn word_for_rate() {}

#[memprobe(rate = 5_000_000_000)]
pub fn large_rate() {}

#[memprobe(rate = 1e400)]
pub fn infinite_rate() {}

#[memprobe(rate = 1e-7)]
pub fn small_rate() {}

#[memprobe(rate = 10u64)]
pub fn suffix_of_rate() {}

#[memprobe(rate = 0.1f64)]
pub fn suffix_of_fraction() {}

#[memprobe(rate = 0.1 0.2)]
pub fn two_rates() {}

#[memprobe(crate = 1)]
pub fn number_for_crate() {}

#[memprobe(crate = "not a path")]
pub fn text_for_crate() {}

#[memprobe(crate)]
pub fn crate_without_path() {}

#[memprobe(skip(x))]
pub fn of_another_macro(x: u8) {
    let _ = x;
}

pub const NAME: &str = "x";
