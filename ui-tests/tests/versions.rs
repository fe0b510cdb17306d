//! Macro and runtime are of one version, or cargo refuses them.

use std::env;
use std::process::Command;

use serde_json::Value;

#[test]
fn the_runtime_pins_its_macros() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--format-version=1"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let named = |list: &Value, name: &str| {
        let mut list = list.as_array().expect("a list").iter();
        list.find(|package| package["name"] == name).expect(name).clone()
    };
    let runtime = named(&metadata["packages"], "memprobe");
    let macros = named(&metadata["packages"], "memprobe-macros");
    let version = runtime["version"].as_str().expect("a version");
    assert_eq!(macros["version"], version);
    let dependency = named(&runtime["dependencies"], "memprobe-macros");
    assert_eq!(dependency["req"], format!("={version}"));
}
