//! Several mistakes are each said once.

use memprobe::memprobe;

#[memprobe(nmae = "x", rate = "10", level = "debug", levle = 3)]
pub fn arguments() {}

#[memprobe(nmae = "x")]
pub const fn arguments_and_item() {}
