//! Builds a profile: each text, function and location is in it once.

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::SystemTime;

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message as _;

use crate::report::pprof::proto::ValueType;
use crate::report::pprof::proto::{Function, Label, Line, Location, Mapping, Profile, Sample};
use crate::report::symbols::{self, Frame};

/// A profile that is being made. The place of each text, function and location is found by what it
/// is.
pub(super) struct Builder {
    profile: Profile,
    texts: HashMap<String, i64>,
    functions: HashMap<(String, String), u64>,
    /// The location of each address, with the frames that it stands for.
    addresses: HashMap<usize, (u64, Vec<Frame>)>,
    names: HashMap<String, u64>,
}

/// How much is live of one stack.
#[derive(Clone, Copy)]
pub(super) struct Amount {
    pub objects: u64,
    pub bytes: u64,
}

impl Builder {
    /// Begins a profile with the mean number of bytes between two samples.
    pub fn new(interval: u64) -> Builder {
        let mut builder = Builder {
            profile: Profile::default(),
            texts: HashMap::new(),
            functions: HashMap::new(),
            addresses: HashMap::new(),
            names: HashMap::new(),
        };
        // The first text is the empty one. The types are those of Go's heap profiles.
        builder.text("");
        let objects =
            ValueType { kind: builder.text("inuse_objects"), unit: builder.text("count") };
        let space = ValueType { kind: builder.text("inuse_space"), unit: builder.text("bytes") };
        let period = ValueType { kind: builder.text("space"), unit: space.unit };
        let program = std::env::current_exe().unwrap_or_default();
        let program = builder.text(&program.to_string_lossy());
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        builder.profile = Profile {
            sample_type: vec![objects, space],
            default_sample_type: space.kind,
            period_type: Some(period),
            period: interval as i64,
            time_nanos: since_epoch.map_or(0, |time| time.as_nanos() as i64),
            // One that says that there are names already: pprof must not look for them.
            mapping: vec![Mapping {
                id: 1,
                memory_start: 0,
                memory_limit: u64::MAX,
                filename: program,
                has_functions: true,
                has_filenames: true,
                has_line_numbers: true,
                has_inline_frames: true,
            }],
            ..builder.profile
        };
        builder
    }

    fn text(&mut self, text: &str) -> i64 {
        if let Some(&at) = self.texts.get(text) {
            return at;
        }
        let at = self.profile.string_table.len() as i64;
        self.profile.string_table.push(text.to_owned());
        self.texts.insert(text.to_owned(), at);
        at
    }

    fn function(&mut self, name: &str, file: &str) -> u64 {
        let key = (name.to_owned(), file.to_owned());
        if let Some(&id) = self.functions.get(&key) {
            return id;
        }
        let id = self.functions.len() as u64 + 1;
        let (name, filename) = (self.text(name), self.text(file));
        self.profile.function.push(Function { id, name, system_name: name, filename });
        self.functions.insert(key, id);
        id
    }

    fn location(&mut self, address: u64, frames: &[Frame]) -> u64 {
        let mut lines = Vec::new();
        for frame in frames {
            let name = frame.function.clone().unwrap_or_else(|| format!("{address:#x}"));
            let (file, line) = frame.line.as_ref().map_or(("", 0), |(file, line)| (file, *line));
            lines.push(Line { function_id: self.function(&name, file), line: i64::from(line) });
        }
        let id = self.profile.location.len() as u64 + 1;
        self.profile.location.push(Location { id, mapping_id: 1, address, line: lines });
        id
    }

    /// Returns the locations of a stack without those that are the allocator's.
    pub fn locations(&mut self, addresses: &[usize]) -> Vec<u64> {
        for &address in addresses {
            if !self.addresses.contains_key(&address) {
                let frames = symbols::at(address);
                let id = self.location(address as u64, &frames);
                self.addresses.insert(address, (id, frames));
            }
        }
        let stack: Vec<_> = addresses.iter().map(|address| &self.addresses[address]).collect();
        let mut own = symbols::of_the_allocator(stack.iter().flat_map(|(_, frames)| frames));
        let is_own = |(_, frames): &&&(u64, Vec<Frame>)| {
            let all = own >= frames.len();
            own = own.saturating_sub(frames.len());
            all && !frames.is_empty()
        };
        let own = stack.iter().take_while(is_own).count();
        stack[own..].iter().map(|(id, _)| *id).collect()
    }

    /// Returns the location of a function that is known by its name alone.
    pub fn named(&mut self, name: &str) -> u64 {
        if let Some(&id) = self.names.get(name) {
            return id;
        }
        let frame = Frame { function: Some(name.to_owned()), line: None, address: 0 };
        let id = self.location(0, &[frame]);
        self.names.insert(name.to_owned(), id);
        id
    }

    pub fn add(&mut self, location_id: Vec<u64>, amount: Amount, tags: &[(&str, &str)]) {
        let label =
            tags.iter().map(|(key, text)| Label { key: self.text(key), text: self.text(text) });
        let label = label.collect();
        let value = vec![amount.objects as i64, amount.bytes as i64];
        self.profile.sample.push(Sample { location_id, value, label });
    }

    pub fn write(self, writer: impl Write) -> io::Result<()> {
        let mut gzip = GzEncoder::new(writer, Compression::default());
        gzip.write_all(&self.profile.encode_to_vec())?;
        gzip.finish()?.flush()
    }
}
