//! All that measures. Its twin, where memprobe is compiled out, is `disabled.rs`: both have the
//! names that the library exports.
//!
//! Each folder uses only those above it in this list.

pub(crate) mod sync;

pub(crate) mod readings;

pub(crate) mod events;

pub(crate) mod stats;

pub(crate) mod calls;

pub(crate) mod watch;

pub(crate) mod instrument;

#[cfg(feature = "metrics")]
pub(crate) mod metrics;
#[cfg(feature = "spans")]
pub(crate) mod spans;
#[cfg(feature = "tower")]
pub(crate) mod tower;

mod on_exit;
mod report_every;
#[cfg_attr(not(feature = "live"), path = "runtime/sampling_absent.rs")]
pub(crate) mod sampling;
mod status;

#[cfg(feature = "profiling")]
pub use watch::profiles::Profiles;
pub use {
    calls::in_flight::in_flight,
    instrument::carry::{carry, carry_future},
    instrument::measure::{measure, measure_future},
    instrument::scope::{scope, scope_future},
    on_exit::{ReportOnExit, report_on_exit},
    readings::system::process,
    report_every::{ReportEvery, report_every},
    sampling::live,
    stats::gather::{report, reset},
    status::status,
    watch::setup::Watch,
};
