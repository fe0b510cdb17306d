//! `memprobe watch`: follows a growing log, and keeps the table live in the terminal.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Seek as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Row, Table, TableState};

use memprobe::__builder::{HumanBytes, HumanCount, SignedBytes};
use memprobe::report::{Function, Verdict};

use crate::args::Watch;
use crate::commands::{empty_model, named};
use crate::input::{self, Item, Source};
use crate::model::{By, Heaviest, Model, Order, groups};
use crate::parse::origin::Origin;
use crate::views::Names;

/// Most lines on how processes ended, so that the table has room.
const ENDS: usize = 6;
/// How long to wait for more of the log, or for a key.
const WAIT: Duration = Duration::from_millis(100);

/// Runs the command, until `q` is pressed.
///
/// # Errors
///
/// Those of the log and of the terminal.
pub fn run(args: &Watch) -> io::Result<ExitCode> {
    if !io::stdout().is_terminal() {
        let why = "`watch` needs a terminal; `memprobe report` reads a log as far as it goes";
        return Err(io::Error::other(why));
    }
    let source = Source::of(&args.log);
    let log = source.log();
    let stop = Arc::new(AtomicBool::new(false));
    let failed: Arc<Mutex<Option<io::Error>>> = Arc::default();
    let reader = Follow::open(&args.log, Arc::clone(&stop))?;
    let (sender, items) = sync_channel::<Item>(4096);
    let told = Arc::clone(&failed);
    thread::spawn(move || {
        let mut sink = |item| match sender.send(item) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
        if let Err(error) = input::follow(reader, Origin::default(), &mut sink) {
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    });
    let model = empty_model(Heaviest::new(Order::Peak, 0, 3, true), &args.which);
    let mut screen = Screen { model, name: source.name(), state: TableState::default(), sort: 0 };
    let every = Duration::from_secs_f64(args.every.clamp(0.05, 3600.0));
    let done = ratatui::run(|terminal| -> io::Result<()> {
        let mut drawn = None::<Instant>;
        loop {
            let is_over = take(&items, log, &mut screen.model);
            if drawn.is_none_or(|drawn| drawn.elapsed() >= every) || is_over {
                terminal.draw(|frame| screen.draw(frame))?;
                drawn = Some(Instant::now());
            }
            if event::poll(WAIT)? {
                let Event::Key(key) = event::read()? else {
                    drawn = None;
                    continue;
                };
                if key.kind == KeyEventKind::Press {
                    let is_interrupt =
                        key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL;
                    if is_interrupt || screen.key(key.code) {
                        return Ok(());
                    }
                    drawn = None;
                }
            }
        }
    });
    stop.store(true, Relaxed);
    if let Some(error) = failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(error);
    }
    done.map(|()| ExitCode::SUCCESS)
}

/// Takes what has come; returns whether nothing more will.
fn take(items: &Receiver<Item>, log: &'static str, model: &mut Model) -> bool {
    let until = Instant::now() + WAIT;
    while Instant::now() < until {
        match items.try_recv() {
            Ok(item) => model.add((0, log), item),
            Err(TryRecvError::Empty) => return false,
            Err(TryRecvError::Disconnected) => return true,
        }
    }
    false
}

/// A log that is read on as it grows. A file that was replaced or cut short is read from its start.
enum Follow {
    Stdin(io::Stdin),
    File { path: PathBuf, file: File, read: u64, stop: Arc<AtomicBool> },
}

impl Follow {
    fn open(path: &Path, stop: Arc<AtomicBool>) -> io::Result<Follow> {
        if path == Path::new("-") {
            return Ok(Follow::Stdin(io::stdin()));
        }
        let named = |error: io::Error| named(path, &error);
        let mut file = File::open(path).map_err(named)?;
        let mut start = [0; 4];
        let count = file.read(&mut start).map_err(named)?;
        file.rewind().map_err(named)?;
        if input::is_compressed(&start[..count]) {
            let why = "it is compressed, and cannot be followed; `memprobe report` reads it";
            return Err(named(io::Error::other(why)));
        }
        Ok(Follow::File { path: path.to_owned(), file, read: 0, stop })
    }
}

impl Read for Follow {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (path, file, read, stop) = match self {
            Follow::Stdin(stdin) => return stdin.read(into),
            Follow::File { path, file, read, stop } => (path, file, read, stop),
        };
        loop {
            let count = file.read(into)?;
            *read += count as u64;
            if count > 0 || stop.load(Relaxed) {
                return Ok(count);
            }
            // Until the next log can be opened, the last one may still grow.
            if is_rotated(path, file, *read)
                && let Ok(next) = File::open(&*path)
            {
                (*file, *read) = (next, 0);
                continue;
            }
            thread::sleep(WAIT);
        }
    }
}

/// Whether another file has the name, or the file is shorter than what was read of it.
fn is_rotated(path: &Path, file: &File, read: u64) -> bool {
    let Ok(named) = std::fs::metadata(path) else { return false };
    #[cfg(unix)]
    if let Ok(open) = file.metadata() {
        use std::os::unix::fs::MetadataExt as _;
        if (open.dev(), open.ino()) != (named.dev(), named.ino()) {
            return true;
        }
    }
    #[cfg(not(unix))]
    let _ = file;
    named.len() < read
}

struct Screen {
    model: Model,
    name: String,
    state: TableState,
    /// The column by which the table is sorted.
    sort: usize,
}

/// The columns that the table can be sorted by, with their keys.
const COLUMNS: [(char, &str); 5] =
    [('p', "peak"), ('c', "calls"), ('k', "per call"), ('a', "allocated"), ('o', "at once")];

impl Screen {
    /// Takes a key; returns whether it ends the command.
    fn key(&mut self, key: KeyCode) -> bool {
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return true,
            KeyCode::Down | KeyCode::Char('j') => self.state.select_next(),
            KeyCode::Up => self.state.select_previous(),
            KeyCode::Home => self.state.select_first(),
            KeyCode::Char(char) => {
                self.sort = COLUMNS.iter().position(|(key, _)| *key == char).unwrap_or(self.sort);
            }
            _ => {}
        }
        false
    }

    fn draw(&mut self, frame: &mut Frame<'_>) {
        let groups = groups(&self.model, By::All);
        let Some(group) = groups.first() else {
            frame.render_widget(
                format!("{}: nothing of memprobe's yet. q ends.", self.name),
                frame.area(),
            );
            return;
        };
        let verdicts = group.report.verdicts();
        let processes = self.model.processes.len();
        let mut head = vec![Line::from(format!(
            "{}: {} events, {processes} {}, {} calls run, {} unreadable",
            self.name,
            HumanCount(self.model.counts.events),
            if processes == 1 { "process" } else { "processes" },
            self.model.processes.iter().map(|process| process.open.len()).sum::<usize>(),
            self.model.counts.unreadable
        ))];
        for (name, found) in [
            ("pressure", said(&verdicts.pressure)),
            ("growing", said(&verdicts.growing)),
            ("churn", said(&verdicts.churn)),
        ] {
            head.extend(found.map(|found| Line::from(format!("{name:10}{found}"))));
        }
        let process = &group.report.process;
        if let (Some(used), Some(limit)) = (process.used(), &process.limit) {
            // Rounded down, as in the report.
            let percent = u128::from(used) * 100 / u128::from(limit.bytes.max(1));
            let text = format!(
                "process   {} of {} ({percent}%)",
                HumanBytes(used),
                HumanBytes(limit.bytes)
            );
            head.push(Line::from(text));
        }
        let mut ends = Vec::new();
        for (_, process) in &group.processes {
            if let Some(death) = &process.death {
                ends.push(format!("killed    {}", death.words));
            }
            if let Some((crossing, _)) = &process.crossing {
                let holder = crossing.holder().map_or(String::new(), |holder| holder.text);
                ends.push(format!("watch     {}%: {holder}", crossing.threshold));
            }
        }
        let more = ends.len().saturating_sub(ENDS);
        ends.truncate(ENDS);
        ends.extend((more > 0).then(|| format!("          {more} more")));
        head.extend(ends.into_iter().map(|end| Line::styled(end, Modifier::BOLD)));
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let lines = head.len() as u16;
        let [top, middle, bottom] = Layout::vertical([
            Constraint::Length(lines + 1),
            Constraint::Min(3),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        frame.render_widget(Paragraph::new(head), top);
        let mut functions: Vec<&Function> = group.report.functions.iter().collect();
        functions.sort_by_key(|function| std::cmp::Reverse(self.rank(function)));
        let shown = Names::of(functions.iter().map(|function| function.name));
        let rows = functions.iter().map(|function| row(function, shown.show(function.name)));
        let names = ["function", "calls", "at once", "peak", "p99", "per call", "allocated"];
        let sorted = COLUMNS[self.sort].1;
        let names =
            names.map(|name| if name == sorted { format!("{name} v") } else { name.into() });
        let widths = [
            Constraint::Min(20),
            Constraint::Length(10),
            Constraint::Length(9),
            Constraint::Length(11),
            Constraint::Length(11),
            Constraint::Length(11),
            Constraint::Length(11),
        ];
        let table = Table::new(rows, widths)
            .header(Row::new(names).style(bold))
            .row_highlight_style(Modifier::REVERSED);
        frame.render_stateful_widget(table, middle, &mut self.state);
        let keys = COLUMNS.map(|(key, name)| format!("{key} {name}")).join("  ");
        frame.render_widget(format!("sort: {keys}   q ends"), bottom);
    }

    fn rank(&self, function: &Function) -> i128 {
        let figures = function.figures;
        match COLUMNS[self.sort].1 {
            "calls" => function.outcomes.calls().into(),
            "per call" => {
                figures.and_then(|it| it.steady).map_or(0, |steady| steady.per_call()).into()
            }
            "allocated" => figures.map_or(0, |figures| figures.allocated).into(),
            "at once" => function.max_concurrent.unwrap_or(0).into(),
            _ => figures.map_or(0, |figures| figures.peak).into(),
        }
    }
}

/// Says what a verdict found, in a line.
fn said<T: Display>(verdict: &Verdict<T>) -> Option<String> {
    match verdict {
        Verdict::Found(found) => Some(found.to_string()),
        Verdict::Undecided(candidates) => {
            let all: Vec<String> = candidates.iter().map(T::to_string).collect();
            let which = if all.len() == 1 { "perhaps" } else { "one of these:" };
            Some(format!("{which} {}", all.join("; ")))
        }
        _ => None,
    }
}

fn row(function: &Function, name: String) -> Row<'static> {
    let figures = function.of_ended_calls();
    let bytes = |bytes: Option<u64>| bytes.map_or(String::new(), |it| HumanBytes(it).to_string());
    let per_call = figures.and_then(|figures| figures.steady);
    Row::new([
        name,
        HumanCount(function.outcomes.calls()).to_string(),
        function.max_concurrent.map_or(String::new(), |calls| format!("≥{calls}")),
        bytes(figures.map(|figures| figures.peak)),
        bytes(function.peaks.quantile(0.99)),
        per_call.map_or(String::new(), |steady| SignedBytes(steady.per_call()).to_string()),
        bytes(figures.map(|figures| figures.allocated)),
    ])
}
