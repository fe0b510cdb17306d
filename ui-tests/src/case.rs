//! A case: one Rust file whose first lines say what it shows and how it is compiled.

use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::blank::blank;

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A library.
    Lib,
    /// A program, which is run: a file that has a `main`.
    Bin,
    /// Its `#[test]`s are run.
    Test,
}

/// One file of `cases/`, `errors/` or `runs/`.
#[derive(Clone, Debug)]
pub struct Case {
    /// The name of the file without its extension; one of several editions follows it.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// What is compiled.
    pub text: String,
    /// The year.
    pub edition: String,
    /// What becomes of it.
    pub kind: Kind,
    /// Also plain Rust refuses it.
    pub errs: bool,
    /// Valid code that the attribute breaks, and what is said of it.
    pub limit: Option<String>,
    /// Lints of `compare::LOST` that it keeps.
    pub keeps: Vec<String>,
    /// A lint that speaks of the attribute's function alone.
    pub more: Option<String>,
    /// The name by which the file knows memprobe.
    pub rename: Option<String>,
    /// A crate of `cases/aux/` through which it knows memprobe.
    pub facade: Option<String>,
    /// For the compiler.
    pub flags: Option<String>,
    /// It needs unstable features.
    pub nightly: bool,
    /// Not compiled once more inside a `macro_rules!`.
    unwrapped: bool,
}

/// The cases of a directory of this package, in order: a file for several editions is a case
/// in each. With `CASE` in the environment only those whose name contains it.
///
/// # Panics
///
/// If the files cannot be read.
#[must_use]
pub fn cases(directory: &str) -> Vec<Case> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let files = fs::read_dir(directory).expect("the cases").map(|entry| entry.expect("one").path());
    let only = env::var("CASE").unwrap_or_default();
    let mut cases: Vec<Case> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .flat_map(|path| Case::read(&path).of_each_edition())
        .filter(|case| case.name.contains(&only))
        .collect();
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    cases
}

impl Case {
    /// Reads a file: first a sentence in `//!`, then lines of `//@ key` or `//@ key: value`.
    /// The edition is as it stands in the header, which may name several.
    ///
    /// # Panics
    ///
    /// If the file cannot be read, or its header is none.
    #[must_use]
    pub fn read(path: &Path) -> Case {
        let text = fs::read_to_string(path).expect("a readable case");
        let name = path.file_stem().expect("a file").to_string_lossy().into_owned();
        // Without it the crate has no documentation and begins elsewhere when blanked.
        assert!(text.starts_with("//! "), "{name}: the first line says what it shows");
        let kind = if text.contains("fn main()") { Kind::Bin } else { Kind::Lib };
        let mut case = Case {
            name,
            path: path.to_owned(),
            edition: "2024".to_owned(),
            kind,
            errs: false,
            limit: None,
            keeps: Vec::new(),
            more: None,
            rename: None,
            facade: None,
            flags: None,
            nightly: false,
            // In a macro each `$x` would be taken for the macro's own.
            unwrapped: text.contains('$'),
            text,
        };
        let text = case.text.clone();
        for line in text.lines().filter_map(|line| line.strip_prefix("//@ ")) {
            let (key, value) = line.split_once(": ").unwrap_or((line, ""));
            match key {
                "edition" => value.clone_into(&mut case.edition),
                "bin" => case.kind = Kind::Bin,
                "test" => case.kind = Kind::Test,
                "errs" => case.errs = true,
                "limit" => case.limit = Some(value.to_owned()),
                "keeps" => case.keeps.push(value.to_owned()),
                "more" => case.more = Some(value.to_owned()),
                "rename" => case.rename = Some(value.to_owned()),
                "facade" => case.facade = Some(value.to_owned()),
                "flags" => case.flags = Some(value.to_owned()),
                "nightly" => case.nightly = true,
                "unwrapped" => case.unwrapped = true,
                _ => panic!("{}: unknown header line `{line}`", case.name),
            }
        }
        case
    }

    /// The case once for each edition that its header names.
    fn of_each_edition(self) -> Vec<Case> {
        let editions: Vec<&str> = self.edition.split(' ').collect();
        let [_, _, ..] = editions[..] else { return vec![self] };
        let of = |edition: &&str| Case {
            name: format!("{}_{edition}", self.name),
            edition: (*edition).to_owned(),
            ..self.clone()
        };
        editions.iter().map(of).collect()
    }

    /// The same file without anything of ours.
    #[must_use]
    pub fn plain(&self) -> Case {
        Case { text: blank(&self.text), ..self.clone() }
    }

    /// The same items, emitted by a `macro_rules!`; `None` where that makes no sense.
    #[must_use]
    pub fn wrapped(&self) -> Option<Case> {
        if self.unwrapped {
            return None;
        }
        let is_head =
            |line: &&str| line.is_empty() || line.starts_with("//") || line.starts_with("#![");
        let head: Vec<&str> = self.text.lines().take_while(is_head).collect();
        let items: Vec<&str> = self.text.lines().skip(head.len()).collect();
        let text = format!(
            "{}\nmacro_rules! whole {{ () => {{\n{}\n}} }} whole!();\n",
            head.join("\n"),
            items.join("\n")
        );
        Some(Case { text, ..self.clone() })
    }
}
