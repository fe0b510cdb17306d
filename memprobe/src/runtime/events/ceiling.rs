//! `MEMPROBE_RATE`: a ceiling on the rate of calls that all functions write together.

use std::env;
use std::ffi::OsStr;
use std::path::Path;

use crate::runtime::events::rate_limit::{Rate, RateLimiter};
use crate::runtime::events::say::say;
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::sync::OnceLock;
use crate::runtime::sync::atomic::{AtomicBool, Ordering::Relaxed};

const VARIABLE: &str = "MEMPROBE_RATE";

enum Ceiling {
    /// Only each function's own rate applies.
    None,
    /// Nothing is written.
    Off,
    Together {
        a_second: f64,
        rate: Rate,
        limiter: RateLimiter,
    },
}

/// The value of the variable, read when it is first needed.
static CEILING: OnceLock<Ceiling> = OnceLock::new();

/// Returns true if the functions together may write one more call at `now`, in ns of the coarse
/// clock, and counts it.
#[inline(never)]
pub(crate) fn admits(now: u64) -> bool {
    match get() {
        Ceiling::None => true,
        Ceiling::Off => false,
        Ceiling::Together { rate, limiter, .. } => limiter.has_room(now, *rate),
    }
}

/// Returns true if nothing is to be written.
pub(crate) fn is_off() -> bool {
    matches!(get(), Ceiling::Off)
}

/// Returns the slower of `rate` and the ceiling, for a probe; `None` if nothing is written.
#[inline]
pub(crate) fn lower(rate: Rate) -> Option<Rate> {
    match get() {
        Ceiling::None => Some(rate),
        Ceiling::Off => None,
        Ceiling::Together { rate: ceiling, .. } => Some(rate.slower(*ceiling)),
    }
}

/// Returns the ceiling in calls a second: 0 if nothing is written, `None` if there is no
/// ceiling.
pub(crate) fn a_second() -> Option<f64> {
    match get() {
        Ceiling::None => None,
        Ceiling::Off => Some(0.0),
        Ceiling::Together { a_second, .. } => Some(*a_second),
    }
}

#[inline]
fn get() -> &'static Ceiling {
    CEILING.get().unwrap_or_else(read)
}

#[cold]
fn read() -> &'static Ceiling {
    /// Threads that come first together have all read it.
    static TOLD: AtomicBool = AtomicBool::new(false);
    let _ignored = IgnoreAllocs::begin();
    let mut wrong = None;
    let ceiling = CEILING.get_or_init(|| {
        Ceiling::of(env::var_os(VARIABLE).as_deref()).unwrap_or_else(|why| {
            wrong = Some(why);
            Ceiling::None
        })
    });
    if let Some(why) = wrong {
        if !TOLD.swap(true, Relaxed) {
            say(&why);
        }
    }
    ceiling
}

impl Ceiling {
    fn of(value: Option<&OsStr>) -> Result<Ceiling, String> {
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return Ok(Ceiling::None);
        };
        if value == "off" {
            return Ok(Ceiling::Off);
        }
        // 0 is refused, because it could mean no events as well as no limit.
        let rate = value.to_str().and_then(|text| text.trim().parse::<f64>().ok());
        match rate.filter(|rate| (1e-6..=1e9).contains(rate)) {
            Some(a_second) => Ok(Ceiling::Together {
                a_second,
                rate: Rate::a_second(a_second),
                limiter: RateLimiter::new(),
            }),
            None => Err(format!(
                "{VARIABLE}={} is neither `off` nor a number of calls a second from 0.000001 to \
                 1000000000, and is ignored",
                Path::new(value).display()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Result<Option<f64>, String> {
        Ceiling::of(Some(OsStr::new(value))).map(|ceiling| match ceiling {
            Ceiling::None => None,
            Ceiling::Off => Some(0.0),
            Ceiling::Together { a_second, .. } => Some(a_second),
        })
    }

    #[test]
    fn the_variable_is_off_or_a_rate() {
        assert!(matches!(Ceiling::of(None), Ok(Ceiling::None)));
        let right = [
            ("", None),
            ("off", Some(0.0)),
            ("100", Some(100.0)),
            ("0.1", Some(0.1)),
            (" 1e3 ", Some(1e3)),
        ];
        for (value, expected) in right {
            assert_eq!(of(value), Ok(expected), "{value}");
        }
        for wrong in ["0", "-1", "NaN", "inf", "1e10", "1e-7", "Off", "10/s", "1,5"] {
            let Err(why) = of(wrong) else { panic!("{wrong}") };
            assert!(why.starts_with(&format!("MEMPROBE_RATE={wrong} is neither `off`")), "{why}");
        }
    }
}
