//! Reads several logs at once into one model: each in a thread of its own, taken into the model in
//! their order.

use std::io::{self, IsTerminal as _, Read};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use indicatif::{ProgressBar, ProgressStyle};

use crate::input::{self, Extent, Item, Source, source};
use crate::model::Model;
use crate::parse::origin::Origin;

/// Items that are passed on at once, and how many such batches of a log wait to be taken.
const BATCH: usize = 128;
const WAITING: usize = 16;

/// What was read, and what could not be.
#[derive(Debug, Default)]
pub struct Done {
    pub sources: Vec<Source>,
    pub extent: Extent,
    /// Compressed logs that were read to where they are cut.
    pub cut: Vec<Source>,
    /// Logs that could not be read to their end, with the reason.
    pub errors: Vec<(Source, io::Error)>,
}

/// What a reading thread passes on.
enum Message {
    Items(Vec<Item>),
    Ended(io::Result<Extent>),
}

/// Reads the logs into the model. A log that cannot be read is told of in the result.
pub fn read(sources: Vec<Source>, model: &mut Model) -> Done {
    let sources = source::in_order(sources);
    let bar = progress(&sources);
    let mut done = Done { sources: sources.clone(), ..Done::default() };
    let (senders, receivers): (Vec<_>, Vec<_>) =
        sources.iter().map(|_| sync_channel::<Message>(WAITING)).unzip();
    let senders: Vec<std::sync::Mutex<Option<SyncSender<Message>>>> =
        senders.into_iter().map(|sender| std::sync::Mutex::new(Some(sender))).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(sources.len());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // In their order: the log that is taken now is always being read.
                loop {
                    let at = next.fetch_add(1, Relaxed);
                    let (Some(source), Some(sender)) = (sources.get(at), senders.get(at)) else {
                        return;
                    };
                    let sender = sender.lock().ok().and_then(|mut sender| sender.take());
                    let Some(sender) = sender else { return };
                    one(source, &bar, &sender);
                }
            });
        }
        for (at, receiver) in receivers.into_iter().enumerate() {
            take(&sources[at], at, &receiver, model, &mut done);
        }
    });
    bar.finish_and_clear();
    model.finish();
    done
}

/// Reads one log that is open already into the model.
pub fn read_open(source: Source, reader: impl Read, model: &mut Model) -> Done {
    let log = source.log();
    let mut sink = |item| {
        model.add((0, log), item);
        ControlFlow::Continue(())
    };
    let bar = progress(std::slice::from_ref(&source));
    let ended = input::read(bar.wrap_read(reader), Origin::default(), &mut sink);
    bar.finish_and_clear();
    model.finish();
    let mut done = Done { sources: vec![source.clone()], ..Done::default() };
    done.end(source, ended);
    done
}

impl Done {
    fn end(&mut self, source: Source, ended: io::Result<Extent>) {
        match ended {
            Ok(extent) => {
                self.extent.lines += extent.lines;
                self.extent.bytes += extent.bytes;
                if extent.is_cut {
                    self.cut.push(source);
                }
            }
            Err(error) => self.errors.push((source, error)),
        }
    }
}

/// Reads one log and passes on what it has.
fn one(source: &Source, bar: &ProgressBar, sender: &SyncSender<Message>) {
    let mut batch = Vec::with_capacity(BATCH);
    let ended = source.open().and_then(|reader| {
        let mut sink = |item| {
            batch.push(item);
            if batch.len() >= BATCH {
                let batch = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                // It fails where nobody takes it any more.
                if sender.send(Message::Items(batch)).is_err() {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        };
        input::read(bar.wrap_read(reader).take(u64::MAX), Origin::default(), &mut sink)
    });
    let _ = sender.send(Message::Items(batch));
    let _ = sender.send(Message::Ended(ended));
}

fn take(
    source: &Source,
    at: usize,
    receiver: &Receiver<Message>,
    model: &mut Model,
    done: &mut Done,
) {
    let log = source.log();
    for message in receiver {
        match message {
            Message::Items(items) => items.into_iter().for_each(|item| model.add((at, log), item)),
            Message::Ended(ended) => done.end(source.clone(), ended),
        }
    }
}

/// Returns a bar for a terminal; hidden where there is none.
fn progress(sources: &[Source]) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let sizes: Option<Vec<u64>> = sources.iter().map(Source::size).collect();
    let style =
        |template| ProgressStyle::with_template(template).expect("a template that is tested");
    match sizes {
        Some(sizes) => ProgressBar::new(sizes.iter().sum())
            .with_style(style("{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left")),
        None => ProgressBar::no_length().with_style(style("{spinner} {bytes}, {bytes_per_sec}")),
    }
}
