//! Functions whose names are known only while the program runs: those of scopes, spans and routes.

use tracing::Level;

use crate::runtime::events::callsite::Callsite;
use crate::runtime::stats::call_tree::Annotated;
use crate::runtime::stats::site::Site;

/// Which calls of a function are written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Limits {
    /// Calls a second; 0 for no limit, `None` for the default.
    pub rate: Option<f64>,
    /// Peak in bytes above which a call is always written.
    pub above: Option<u64>,
}

#[cfg(any(feature = "spans", feature = "tower"))]
impl Limits {
    /// Sets the calls a second, within the bounds that the attribute has. What is no rate is no limit.
    pub fn set_rate(&mut self, calls_a_second: f64) {
        // Not NaN, which equals nothing: each call would have a function of its own.
        let is_rate = calls_a_second > 0.0;
        self.rate = Some(if is_rate { calls_a_second.clamp(1e-6, 1e9) } else { 0.0 });
    }
}

/// Creates a function, whose callsites are never freed. Its entries and exits have this target and
/// level; `place` is file, line and module.
pub(crate) fn named(
    name: &'static str,
    target: &'static str,
    level: Level,
    place: (&'static str, u32, &'static str),
    limits: Limits,
) -> Annotated {
    let callsite = |fields| &*Box::leak(Box::new(Callsite::new(target, level, place, fields)));
    let (entry, exit) = (callsite(crate::__fields!(entry)), callsite(crate::__fields!(exit)));
    Annotated::new(Site::new(Some(name), || "", limits.rate, limits.above, entry, exit))
}
