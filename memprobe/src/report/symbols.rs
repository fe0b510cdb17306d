//! The functions and lines behind return addresses, from the symbols of the program itself.

use std::fmt;

/// A function on a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// Demangled name of the function; `None` where the program has no symbols, or memprobe was
    /// built without the features `symbols` and `pprof`.
    pub function: Option<String>,
    /// Source file and line, from the debug information.
    pub line: Option<(String, u32)>,
    /// The return address.
    pub address: usize,
}

/// How names of the allocator's functions begin, which are the innermost frames of a stack.
#[cfg(any(feature = "symbols", feature = "pprof"))]
const ALLOCATOR: [&str; 8] = [
    "_rjem_",
    "prof_",
    "imalloc",
    "__rust_alloc",
    "__rust_realloc",
    "__rustc::__rust_",
    "memprobe::allocator::",
    "<memprobe::allocator::",
];
/// They are among so many of the innermost frames: without optimization each call of jemalloc's
/// own is one.
#[cfg(any(feature = "symbols", feature = "pprof"))]
const INNERMOST: usize = 24;

/// Returns the functions at a return address, the innermost first: more than one where functions
/// were inlined.
#[cfg(any(feature = "symbols", feature = "pprof"))]
pub(crate) fn at(address: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    // It looks before a return address, which is that of the next instruction.
    backtrace::resolve(std::ptr::without_provenance_mut(address), |symbol| {
        let line = symbol
            .filename()
            .zip(symbol.lineno())
            .map(|(file, line)| (file.display().to_string(), line));
        let function = symbol.name().map(|name| format!("{name:#}"));
        frames.push(Frame { function, line, address });
    });
    if frames.is_empty() {
        frames.push(Frame { function: None, line: None, address });
    }
    frames
}

#[cfg(not(any(feature = "symbols", feature = "pprof")))]
pub(crate) fn at(address: usize) -> Vec<Frame> {
    vec![Frame { function: None, line: None, address }]
}

/// Returns how many of these frames, the innermost first, are of the allocator.
pub(crate) fn of_the_allocator<'a>(frames: impl Iterator<Item = &'a Frame>) -> usize {
    #[cfg(any(feature = "symbols", feature = "pprof"))]
    {
        let is_allocators = |frame: &Frame| {
            let begins = |name: &str| ALLOCATOR.iter().any(|start| name.starts_with(start));
            frame.function.as_deref().is_some_and(begins)
        };
        // Further out, a match would be a function of the program.
        let places = frames.take(INNERMOST).enumerate();
        places.filter(|(_, frame)| is_allocators(frame)).last().map_or(0, |(last, _)| last + 1)
    }
    #[cfg(not(any(feature = "symbols", feature = "pprof")))]
    {
        drop(frames);
        0
    }
}

/// Returns the functions and lines of a stack without those of the allocator.
pub(crate) fn frames(addresses: &[usize]) -> Vec<Frame> {
    let mut frames: Vec<_> = addresses.iter().flat_map(|&address| at(address)).collect();
    let own = of_the_allocator(frames.iter());
    frames.drain(..own);
    frames
}

impl Frame {
    /// Returns the place of the innermost frame that is not in the standard library, or else 0;
    /// `None` if there are no frames.
    pub(crate) fn culprit(frames: &[Frame]) -> Option<usize> {
        let users = frames.iter().position(Frame::is_users);
        users.or((!frames.is_empty()).then_some(0))
    }

    /// Whether the frame is neither of the standard library nor of the allocator.
    pub(crate) fn is_users(&self) -> bool {
        const LIBRARIES: [&str; 4] = ["core::", "alloc::", "std::", "hashbrown::"];
        // Where the standard library was built, and its dependencies.
        const BUILT: [&str; 2] = ["/rustc/", "/rust/deps/"];
        if let Some((file, _)) = &self.line {
            return !BUILT.iter().any(|folder| file.starts_with(folder));
        }
        self.function.as_deref().is_some_and(|function| {
            let function = function.trim_start_matches(['<', '&']);
            !LIBRARIES.iter().any(|library| function.starts_with(library))
        })
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            // Without the types of generic parameters, which are long.
            Some(function) => f.write_str(match function.find('<') {
                Some(generics @ 1..) => function[..generics].trim_end_matches("::"),
                _ => function,
            })?,
            None => write!(f, "{:#x}", self.address)?,
        }
        match &self.line {
            Some((file, line)) => write!(f, " at {file}:{line}"),
            None => Ok(()),
        }
    }
}
