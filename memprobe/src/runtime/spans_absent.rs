//! The spans of `tracing` where memprobe is compiled out: they are no calls.

use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::Layer;

/// Returns a layer that does nothing, because memprobe is compiled out.
pub fn layer() -> SpanLayer {
    SpanLayer(())
}

/// A layer that does nothing, because memprobe is compiled out.
#[derive(Debug)]
#[must_use = "a layer does nothing until it is added to a subscriber"]
pub struct SpanLayer(());

impl SpanLayer {
    /// Ignores the filter, because memprobe is compiled out.
    pub fn filter(
        self,
        _filter: impl Fn(&Metadata<'_>) -> bool + Send + Sync + 'static,
    ) -> SpanLayer {
        self
    }

    /// Does nothing, because memprobe is compiled out.
    pub fn events(self, _events: bool) -> SpanLayer {
        self
    }

    /// Ignores the rate, because memprobe is compiled out.
    pub fn rate(self, _calls_a_second: f64) -> SpanLayer {
        self
    }

    /// Ignores the bound, because memprobe is compiled out.
    pub fn above(self, _bytes: u64) -> SpanLayer {
        self
    }
}

impl<S: Subscriber> Layer<S> for SpanLayer {}

/// Returns the subscriber unchanged, because memprobe is compiled out.
pub fn ignore<S>(subscriber: S) -> impl Subscriber + Send + Sync + 'static
where
    S: Subscriber + Send + Sync + 'static,
{
    subscriber
}
