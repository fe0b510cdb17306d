//! The layer that makes spans calls.

use std::fmt;
use std::ptr;
use std::sync::Arc;

use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::runtime::events::callsite;
use crate::runtime::instrument::function::Limits;
use crate::runtime::instrument::shared_call::SharedCall;
use crate::runtime::readings::thread::{Counting, IgnoreAllocs};
use crate::runtime::spans::entered::{self, EnteredSpan};
use crate::runtime::spans::open::OPEN;
use crate::runtime::spans::{functions, probes};
use crate::runtime::stats::site::Outcome;

/// Makes every span a call: the figures of a function that carries `#[memprobe]`, for code that
/// nobody annotated.
///
/// The call begins when the span is first entered. Each time that the span is entered and left is a
/// part of it, as each poll of an instrumented future is, and its drop. The call ends when the span
/// is closed, with the outcome `closed`, or `panicked`. It is nested in the call around it, of a
/// span or an annotated function, and they in it. A span that is never entered is no call.
///
/// In events and reports its name is the target and the name of the span, which for
/// `#[tracing::instrument]` is the path of the function. Its entry, in the span, and its exit have
/// the level of the span and the target `memprobe::<target of the span>`.
///
/// What the layers of the subscriber allocate themselves is in the figures, unless the subscriber
/// is in [`ignore`](super::ignore::ignore()).
///
/// Where a span is entered on a thread while another has it open, that part counts as
/// [carried work](crate::carry()).
///
/// # Examples
///
/// ```
/// use tracing_subscriber::prelude::*;
///
/// # let fmt = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
/// tracing_subscriber::registry().with(memprobe::spans::layer()).with(fmt).init();
///
/// let rows = tracing::info_span!("load").in_scope(|| vec![0_u8; 1 << 20]);
/// # assert_eq!(memprobe::report().functions.len(), 1);
/// ```
pub fn layer() -> SpanLayer {
    SpanLayer { filter: None, events: false, limits: Limits::default() }
}

type Filter = Box<dyn Fn(&Metadata<'_>) -> bool + Send + Sync>;

/// A layer of `tracing-subscriber` that makes spans calls. [`layer`] returns one.
#[must_use = "a layer does nothing until it is added to a subscriber"]
pub struct SpanLayer {
    filter: Option<Filter>,
    events: bool,
    limits: Limits,
}

impl SpanLayer {
    /// Sets which spans are calls, and with [`events`](Self::events) which events are probes. By
    /// default all are that are enabled.
    ///
    /// The layer may also have a per-layer filter of `tracing-subscriber`, which can be reloaded.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracing_subscriber::filter::Targets;
    ///
    /// let ours: Targets = "app=debug,app::cache=off".parse()?;
    /// let layer = memprobe::spans::layer()
    ///     .filter(move |metadata| ours.would_enable(metadata.target(), metadata.level()));
    /// # Ok::<(), tracing_subscriber::filter::ParseError>(())
    /// ```
    pub fn filter(
        mut self,
        filter: impl Fn(&Metadata<'_>) -> bool + Send + Sync + 'static,
    ) -> SpanLayer {
        self.filter = Some(Box::new(filter));
        self
    }

    /// Sets whether the events of the program are probes: each ends a segment of the innermost
    /// call, as [`probe!`](crate::probe!) does. By default they are not.
    ///
    /// The label is the message of the event where that is a literal, or else the file and line of
    /// the event.
    ///
    /// The figures are read when the event occurs. Where the subscriber is in
    /// [`ignore`](super::ignore::ignore()), they are written right after it, otherwise the next time
    /// that the thread enters or leaves a span.
    pub fn events(mut self, events: bool) -> SpanLayer {
        self.events = events;
        self
    }

    /// Sets the number of calls of each span that are written a second: the `rate` of
    /// [`#[memprobe]`](macro@crate::memprobe), from 0.000001 to 1000000000. A rate beyond is the
    /// nearest of these, and 0 is no limit.
    pub fn rate(mut self, calls_a_second: f64) -> SpanLayer {
        self.limits.set_rate(calls_a_second);
        self
    }

    /// Sets the peak, in bytes, above which the exit of a call is always written, at `WARN`: the
    /// `above` of [`#[memprobe]`](macro@crate::memprobe).
    pub fn above(mut self, bytes: u64) -> SpanLayer {
        self.limits.above = Some(bytes);
        self
    }

    /// Whether events of this thread come to the subscriber that this layer is in: another one does
    /// not know its spans.
    fn is_current(&self) -> bool {
        tracing::dispatcher::get_default(|current| {
            current.downcast_ref::<SpanLayer>().is_some_and(|layer| ptr::eq(layer, self))
        })
    }

    /// Returns what tells a span from those of other registries.
    fn entered(&self, span: &Id) -> EnteredSpan {
        EnteredSpan { layer: ptr::from_ref(self) as usize, id: span.into_u64() }
    }

    /// Writes what probes of this thread wait.
    fn write_probes(&self) {
        if self.events {
            probes::write();
        }
    }

    fn takes(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter(metadata))
    }
}

impl fmt::Debug for SpanLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanLayer").field("events", &self.events).finish_non_exhaustive()
    }
}

/// The call of a span, among the extensions of the span.
struct SpanCall(Arc<SharedCall>);

/// Returns the call of a span, if it is one. The extensions are not locked when it returns, because
/// layers that get an event of the call may need them.
fn call_of<S>(id: &Id, context: &Context<'_, S>) -> Option<Arc<SharedCall>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let span = OPEN.may_contain(id).then(|| context.span(id))??;
    let extensions = span.extensions();
    extensions.get::<SpanCall>().map(|call| Arc::clone(&call.0))
}

impl<S> Layer<S> for SpanLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(_counting) = Counting::begin() else { return };
        let metadata = attributes.metadata();
        if !self.takes(metadata) {
            return;
        }
        let _ignored = IgnoreAllocs::begin();
        if let Some(span) = context.span(id) {
            let mut extensions = span.extensions_mut();
            // Another layer of this kind may have been here.
            if extensions.get_mut::<SpanCall>().is_none() {
                let function = functions::of(metadata, self.limits);
                extensions.insert(SpanCall(Arc::new(SharedCall::new(function))));
                OPEN.insert(id);
            }
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        let Some(_counting) = Counting::begin() else { return };
        self.write_probes();
        if let Some(call) = call_of(id, &context) {
            entered::enter(self.entered(id), call);
        }
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        let Some(_counting) = Counting::begin() else { return };
        entered::leave(self.entered(id));
        self.write_probes();
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(_counting) = Counting::begin() else { return };
        self.write_probes();
        if !OPEN.may_contain(&id) {
            return;
        }
        let ignored = IgnoreAllocs::begin();
        // Removed here, because what the registry drops later counts as freed by the call around.
        let call = context.span(&id).and_then(|span| span.extensions_mut().remove::<SpanCall>());
        drop(ignored);
        if let Some(SpanCall(call)) = call {
            OPEN.remove(&id);
            let span = self.is_current().then_some(&id);
            callsite::inside(span, || call.end(Outcome::Closed));
            let _ignored = IgnoreAllocs::begin();
            drop(call);
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if self.events && self.takes(event.metadata()) {
            if let Some(_counting) = Counting::begin() {
                probes::reach(event);
            }
        }
    }
}
