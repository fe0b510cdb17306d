//! The layers that ARCHITECTURE.md names: what a file uses stands in its own folder or in one
//! above it in the list, and no two files need each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The folders of the runtime, each of which uses only those before it. What stands in the
/// runtime itself comes last.
const RUNTIME: [&str; 11] = [
    "sync",
    "readings",
    "events",
    "stats",
    "calls",
    "watch",
    "instrument",
    "metrics",
    "spans",
    "tower",
    "",
];

/// Values, their formats and views, which know nothing of measuring.
const VALUES: [&str; 3] = ["format", "values", "report"];

/// A file of the library, by its path in modules, and the modules that it uses.
struct File {
    module: String,
    uses: BTreeSet<String>,
}

fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    let module = |path: &Path| {
        let path = path.strip_prefix(&root).expect("below it").with_extension("");
        let parts = path.components().map(|part| part.as_os_str().to_string_lossy());
        parts.collect::<Vec<_>>().join("::")
    };
    let modules: BTreeSet<String> = paths.iter().map(|path| module(path)).collect();
    let file = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("text");
        // Tests may use what they like.
        let code = text.split("#[cfg(test)]").next().unwrap_or("");
        let code = code.split("#[cfg(all(test").next().unwrap_or("");
        let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let uses = used(&code.collect::<Vec<_>>().join("\n"), &modules);
        File { module: module(path), uses }
    };
    paths.iter().map(file).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// The modules that stand behind `crate::`, as far as each of its paths leads to one.
fn used(code: &str, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, name) in code.match_indices("crate::") {
        if !code[..at].ends_with('$') {
            read("", &code[at + name.len()..], modules, &mut used);
        }
    }
    used
}

/// Reads `a::b::Name` or `a::{b, c::Name}`, which begins with the path `before`, and adds the
/// longest modules in it. Gives what stands behind it.
fn read<'a>(
    before: &str,
    text: &'a str,
    modules: &BTreeSet<String>,
    used: &mut BTreeSet<String>,
) -> &'a str {
    if let Some(mut list) = text.strip_prefix('{') {
        while !list.trim_start().starts_with('}') {
            list = read(before, list.trim_start(), modules, used).trim_start();
            // What is renamed, and what parts it from the next.
            let end = list.find([',', '}']).unwrap_or(list.len());
            list = &list[end..];
            list = list.strip_prefix(',').unwrap_or(list);
            if list.is_empty() {
                return "";
            }
        }
        return list.trim_start().strip_prefix('}').unwrap_or("");
    }
    let is_name = |char: char| char.is_alphanumeric() || char == '_';
    let (name, rest) = text.split_at(text.find(|char| !is_name(char)).unwrap_or(text.len()));
    let path = if before.is_empty() { name.to_owned() } else { format!("{before}::{name}") };
    let is_folder = || modules.iter().any(|module| module.starts_with(&format!("{path}::")));
    if modules.contains(&path) || is_folder() {
        if let Some(rest) = rest.strip_prefix("::") {
            return read(&path, rest, modules, used);
        }
        used.insert(path);
    } else if modules.contains(before) {
        used.insert(before.to_owned());
    }
    rest
}

/// Where a module stands in the order of the runtime's folders; `None` outside the runtime.
fn layer(module: &str) -> Option<usize> {
    let inside = module.strip_prefix("runtime::")?;
    let folder = inside.split_once("::").map_or(inside, |(folder, _)| folder);
    RUNTIME.iter().position(|&name| name == folder).or(Some(RUNTIME.len() - 1))
}

fn is_value(module: &str) -> bool {
    VALUES.contains(&module.split("::").next().unwrap_or(""))
}

#[test]
fn no_file_uses_a_later_layer() {
    let files = files();
    assert!(files.len() > 60, "{} files", files.len());
    let mut wrong = Vec::new();
    for File { module, uses } in &files {
        for other in uses {
            let is_later = match (layer(module), layer(other)) {
                (Some(here), Some(there)) => there > here,
                (None, Some(_)) => is_value(module),
                _ => false,
            };
            if is_later || is_value(module) && other == "runtime" {
                wrong.push(format!("{module} uses {other}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_files_need_each_other() {
    let uses: BTreeMap<String, BTreeSet<String>> =
        files().into_iter().map(|file| (file.module, file.uses)).collect();
    let count: usize = uses.values().map(BTreeSet::len).sum();
    assert!(count > 150, "{count} uses");
    let mut circles = Vec::new();
    for module in uses.keys() {
        // All that it needs, directly or not.
        let mut needs = BTreeSet::new();
        let mut open: Vec<&String> = uses[module].iter().filter(|other| *other != module).collect();
        while let Some(next) = open.pop() {
            if needs.insert(next) {
                open.extend(uses.get(next).into_iter().flatten());
            }
        }
        if needs.contains(module) {
            circles.push(module.clone());
        }
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn the_epoch_is_refreshed_within_its_budget() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    let refreshes = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("text");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        text.contains("jemalloc::heap").then_some(name)
    };
    let mut names: Vec<String> = paths.iter().filter_map(refreshes).collect();
    names.sort();
    // `process()` is in no budget: it refreshes the epoch when the application asks for it.
    assert_eq!(names, ["heap_stats.rs", "system.rs"]);
}
