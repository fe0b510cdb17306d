//! The two copies of a crate: as published, and with every function annotated.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml_edit::{DocumentMut, Item, Table, value};

use crate::annotate::{Functions, On, annotate};
use crate::crates::Crate;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What was done to one file of the annotated copy.
pub struct Annotated {
    /// From the root of the crate.
    pub file: PathBuf,
    pub functions: Functions,
}

pub struct Copies {
    pub plain: PathBuf,
    pub annotated: PathBuf,
    pub files: Vec<Annotated>,
    /// Files under `src` that are no Rust files by themselves, and why.
    pub left: Vec<(PathBuf, String)>,
}

/// Makes both copies in `folder`.
pub fn make(krate: &Crate, folder: &Path, on: On) -> Result<Copies> {
    let source = fetch(krate, &folder.join("fetch"))?;
    let published = fs::read_to_string(source.join("Cargo.toml"))?;
    let published: DocumentMut = published.parse()?;
    let mut copies = Copies {
        plain: folder.join("plain"),
        annotated: folder.join("annotated"),
        files: Vec::new(),
        left: Vec::new(),
    };
    for file in files(&source)? {
        if is_left_out(krate, &file) {
            continue;
        }
        // The published versions are for the published crate, the chosen ones are kept.
        let chosen = krate.patch || copies.annotated.join("Cargo.lock").exists();
        if file == Path::new("Cargo.lock") && chosen {
            continue;
        }
        let (plain, annotated) = if file == Path::new("Cargo.toml") {
            let [plain, annotated] =
                [false, true].map(|annotated| manifest(krate, &published, annotated).into_bytes());
            (plain, annotated)
        } else {
            let plain = fs::read(source.join(&file))?;
            let annotated = copies.annotated_text(&file, &plain, &at_root(krate, &published), on);
            (plain, annotated)
        };
        write(&copies.plain.join(&file), &plain)?;
        write(&copies.annotated.join(&file), &annotated)?;
    }
    copies.lock()?;
    Ok(copies)
}

impl Copies {
    /// Chooses the versions of what both copies depend on, once: as the crate was published
    /// with them, or the newest where those are too old for memprobe.
    fn lock(&self) -> Result<()> {
        let lock = self.annotated.join("Cargo.lock");
        if fetch_dependencies(&self.annotated).is_err() {
            if lock.exists() {
                fs::remove_file(&lock)?;
            }
            fetch_dependencies(&self.annotated)?;
        }
        write(&self.plain.join("Cargo.lock"), &fs::read(lock)?)
    }

    /// The text of a file in the annotated copy.
    fn annotated_text(&mut self, file: &Path, text: &[u8], at_root: &str, on: On) -> Vec<u8> {
        let source = std::str::from_utf8(text).ok();
        let is_rust = file.starts_with("src") && file.extension().is_some_and(|end| end == "rs");
        let Some(source) = source.filter(|_| is_rust) else { return text.to_vec() };
        match annotate(source, on) {
            Ok((mut text, functions)) => {
                if file == Path::new("src/lib.rs") {
                    text.push_str(at_root);
                }
                self.files.push(Annotated { file: file.to_owned(), functions });
                text.into()
            }
            Err(error) => {
                self.left.push((file.to_owned(), error.to_string()));
                text.to_vec()
            }
        }
    }
}

/// Lets cargo get the crate, and says where it put it.
fn fetch(krate: &Crate, folder: &Path) -> Result<PathBuf> {
    let mut manifest = DocumentMut::new();
    manifest["package"]["name"] = value("fetch");
    manifest["package"]["edition"] = value("2024");
    manifest["workspace"] = Item::Table(Table::new());
    manifest["dependencies"][krate.name]["version"] = value(format!("={}", krate.version));
    manifest["dependencies"][krate.name]["default-features"] = value(false);
    write(&folder.join("Cargo.toml"), manifest.to_string().as_bytes())?;
    write(&folder.join("src/lib.rs"), b"")?;
    let output = Command::new(crate::cargo())
        .args(["metadata", "--format-version=1"])
        .current_dir(folder)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().into());
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let package = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == krate.name && package["version"] == krate.version);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let manifest = Path::new(manifest.ok_or("cargo does not say where it put the crate")?);
    Ok(manifest.parent().ok_or("a manifest without a folder")?.to_owned())
}

fn fetch_dependencies(root: &Path) -> Result<()> {
    let output = Command::new(crate::cargo()).arg("fetch").current_dir(root).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().into())
}

/// The manifest of a copy: a workspace of its own, without the targets that are left out,
/// and with the dependency on memprobe if it is annotated.
fn manifest(krate: &Crate, published: &DocumentMut, annotated: bool) -> String {
    let mut manifest = published.clone();
    manifest["workspace"] = Item::Table(Table::new());
    for kind in ["test", "example", "bin", "bench"] {
        if let Some(targets) = manifest.get_mut(kind).and_then(Item::as_array_of_tables_mut) {
            targets.retain(|target| {
                let name = target.get("name").and_then(Item::as_str);
                !krate.without.iter().any(|(without, _)| name == Some(without))
            });
        }
    }
    if krate.patch {
        manifest["patch"]["crates-io"][krate.name]["path"] = value(".");
    }
    if annotated {
        manifest["dependencies"]["memprobe"]["path"] = value(crate::memprobe());
    }
    manifest.to_string()
}

/// What the root of the annotated copy needs beside the attributes.
fn at_root(krate: &Crate, published: &DocumentMut) -> String {
    let mut text = String::new();
    let edition = published.get("package").and_then(|package| package.get("edition"));
    if edition.and_then(Item::as_str).is_none_or(|edition| edition == "2015") {
        text.push_str("\nextern crate memprobe;");
    }
    if krate.no_allocator.is_none() {
        // Where the library's own tests have it as a dependency too, it comes from there.
        let condition = if krate.patch { "#[cfg(not(test))] " } else { "" };
        text.push('\n');
        text.push_str(condition);
        text.push_str("::memprobe::global_allocator!();\n");
    }
    text
}

fn is_left_out(krate: &Crate, file: &Path) -> bool {
    let in_tests = file.starts_with("tests") || file.starts_with("examples");
    let name = file.file_stem().and_then(|name| name.to_str());
    in_tests && krate.without.iter().any(|(without, _)| name == Some(without))
}

/// Every file in `root`, by its path from there.
fn files(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                found.insert(entry.path().strip_prefix(root)?.to_owned());
            }
        }
    }
    Ok(found)
}

/// A file that is the same already keeps its time, so that cargo need not build it again.
fn write(path: &Path, text: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::write(path, text)?)
}
