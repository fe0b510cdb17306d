//! A subscriber that wants everything, and hands each event on.

use tracing::{Event, Metadata, Subscriber, span};

/// Has `F` called with each event.
pub struct Listener<F>(pub F);

impl<F: Fn(&Event<'_>) + Send + Sync + 'static> Listener<F> {
    /// Installs it for the process.
    ///
    /// # Panics
    ///
    /// Where there is a subscriber already.
    pub fn install(self) {
        tracing::subscriber::set_global_default(self).expect("the only subscriber");
    }
}

impl<F: Fn(&Event<'_>) + 'static> Subscriber for Listener<F> {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        // Also asked by the application's own events, between ours.
        true
    }

    fn event(&self, event: &Event<'_>) {
        (self.0)(event);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}
