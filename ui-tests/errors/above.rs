//! Bounds that are no size.

use memprobe::memprobe;

#[memprobe(above = 64)]
pub fn number() {}

#[memprobe(above = "64")]
pub fn without_a_unit() {}

#[memprobe(above = "64 mib")]
pub fn unit_in_small_letters() {}

#[memprobe(above = "0 B")]
pub fn nothing() {}

#[memprobe(above)]
pub fn without_a_size() {}

#[memprobe(above = "1 MiB", above = "2 MiB")]
pub fn twice() {}
