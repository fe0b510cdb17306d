//! The value that describes a running call.

use std::fmt;
use std::time::Duration;

use crate::format::units::{HumanBytes, HumanDuration, Net};

/// A call that was running when [`in_flight`](crate::in_flight()) was called.
///
/// `Display` prints one line, without the figures that are not available:
///
/// ```text
/// app::upload: 1.2 MiB, with nested calls 3.0 MiB, peak 8.1 MiB (217 ms, after 'decoded'), call 17
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InFlight {
    /// Path of the function, or the name that its attribute gives.
    pub function: &'static str,
    /// The `call_id` of its events; `None` for a call that is not admitted and has no events.
    pub call_id: Option<u64>,
    /// Label of the probe it passed last; `entry` before the first.
    pub last_label: &'static str,
    /// Time since it began, including time spent waiting; exact to a tick of the kernel, mostly 1
    /// to 4 ms.
    pub age: Duration,
    /// Its net without that of running nested calls, in bytes: what the call itself holds. `None`
    /// if jemalloc is not the global allocator.
    pub held: Option<i64>,
    /// Its net so far, in bytes, nested calls included.
    pub net: Option<i64>,
    /// Its highest net so far, in bytes.
    pub peak: Option<u64>,
}

impl fmt::Display for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.function)?;
        if let Some(held) = self.held {
            write!(f, " {}", Net(held))?;
        }
        if let Some(net) = self.net.filter(|_| self.net != self.held) {
            write!(f, ", with nested calls {}", Net(net))?;
        }
        if let Some(peak) = self.peak {
            write!(f, ", peak {}", HumanBytes(peak))?;
        }
        write!(f, " ({}, after '{}')", HumanDuration(self.age), self.last_label)?;
        match self.call_id {
            Some(call_id) => write!(f, ", call {call_id}"),
            None => Ok(()),
        }
    }
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_one_line_without_what_cannot_be_had() {
        let mut call = InFlight {
            function: "app::upload",
            call_id: Some(17),
            last_label: "decoded",
            age: Duration::from_millis(217),
            held: Some(1 << 20),
            net: Some(3 << 20),
            peak: Some(8 << 20),
        };
        assert_eq!(
            call.to_string(),
            "app::upload: 1.0 MiB, with nested calls 3.0 MiB, peak 8.0 MiB (217 ms, after 'decoded'), call 17"
        );
        (call.net, call.held, call.call_id) = (Some(-4096), Some(-4096), None);
        assert_eq!(call.to_string(), "app::upload: -4 KiB, peak 8.0 MiB (217 ms, after 'decoded')");
        (call.net, call.held, call.peak) = (None, None, None);
        assert_eq!(call.to_string(), "app::upload: (217 ms, after 'decoded')");
    }
}
