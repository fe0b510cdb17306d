//! The rules in `docs/fleet`, as `promtool` sees them.

use std::path::Path;
use std::process::Command;

use memprobe_fleet::has;

#[test]
fn promtool_accepts_the_rules_and_they_fire_when_they_should() {
    if !has("promtool") {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/fleet");
    for arguments in [["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]] {
        let mut promtool = Command::new("promtool");
        let output = promtool.args(arguments).current_dir(&folder).output().expect("it runs");
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
        assert!(text.contains("SUCCESS"), "{text}");
    }
}
