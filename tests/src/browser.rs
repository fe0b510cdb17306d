//! A real headless Chromium, spoken to over its own debugging protocol: what a person would
//! see of a page, and can do with it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Lays the contrast of every visible text with what is behind it against 4.5 : 1.
const PALE: &str = r"
    (() => {
        const channel = (value) => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        };
        const parse = (color) => color.match(/[\d.]+/g).map(Number);
        const luminance = ([r, g, b]) =>
            0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
        const behind = (element) => {
            for (let at = element; at; at = at.parentElement) {
                const color = parse(getComputedStyle(at).backgroundColor);
                if (color.length < 4 || color[3] > 0) return color;
            }
            return [255, 255, 255];
        };
        const pale = [];
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (texts.nextNode()) {
            const element = texts.currentNode.parentElement;
            if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
            if (element.matches('script, style, .hidden')) continue;
            const ink = luminance(parse(getComputedStyle(element).color));
            const ground = luminance(behind(element));
            const contrast = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
            if (contrast < 4.5) pale.push(texts.currentNode.data + ' ' + contrast.toFixed(2));
        }
        return pale;
    })()";

/// A Chromium with one page.
#[derive(Debug)]
pub struct Browser {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    last_id: u64,
    session: Option<String>,
}

impl Browser {
    /// Starts one with an empty profile in `profile`; `None`, and the reason is printed, where
    /// there is none.
    ///
    /// # Panics
    ///
    /// If it is there and does not start.
    pub fn start(profile: &Path) -> Option<Browser> {
        let is_there = |name: &&str| {
            let asked = Command::new(name).arg("--version").stdout(Stdio::null()).status();
            asked.is_ok_and(|status| status.success())
        };
        let Some(name) = NAMES.into_iter().find(is_there) else {
            println!("skipped: none of {NAMES:?} is installed (`apt-get install chromium`)");
            return None;
        };
        // The protocol's pipes are the descriptors 3 and 4.
        let mut process = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 >/dev/null 2>&1"#, name])
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
            .args([
                "--no-first-run",
                "--disable-background-networking",
                "--disable-sync",
                "--disable-quic",
            ])
            .args(["--disable-component-update", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh");
        let commands = process.stdin.take().expect("piped");
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        let mut browser = Browser { process, commands, answers, last_id: 0, session: None };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", &target);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        Some(browser)
    }

    /// Calls a method of the protocol.
    ///
    /// # Panics
    ///
    /// If the method fails, or the browser is gone.
    pub fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.last_id += 1;
        let mut command = json!({ "id": self.last_id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        let mut message = command.to_string().into_bytes();
        message.push(0);
        self.commands.write_all(&message).expect("the browser takes commands");
        loop {
            let mut answer = Vec::new();
            self.answers.read_until(0, &mut answer).expect("the browser answers");
            assert_eq!(answer.pop(), Some(0), "the browser is gone at {method}");
            let answer: Value = serde_json::from_slice(&answer).expect("JSON");
            if answer["id"] == json!(self.last_id) {
                assert_eq!(answer.get("error"), None, "{method} {parameters}");
                return answer["result"].clone();
            }
        }
    }

    /// Sets the size of the window in CSS pixels, and whether its user likes it dark.
    pub fn look(&mut self, width: u32, height: u32, is_dark: bool) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500,
        });
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Opens a file.
    pub fn open(&mut self, file: &Path) {
        self.open_url(&format!("file://{}", file.display()));
    }

    /// Opens an address.
    pub fn open_url(&mut self, url: &str) {
        self.call("Page.navigate", &json!({ "url": url }));
        let is_open = format!(
            "location.href.startsWith({}) && document.readyState === 'complete'",
            json!(url)
        );
        while self.eval(&is_open) != json!(true) {
            std::thread::yield_now();
        }
    }

    /// The value of a JavaScript expression in the page.
    ///
    /// # Panics
    ///
    /// If it throws.
    pub fn eval(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", &parameters);
        assert_eq!(answer.get("exceptionDetails"), None, "{expression}");
        answer["result"]["value"].clone()
    }

    /// The value of a JavaScript promise in the page, once it has one.
    ///
    /// # Panics
    ///
    /// If it is rejected.
    pub fn eval_later(&mut self, expression: &str) -> Value {
        let parameters =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", &parameters);
        assert_eq!(answer.get("exceptionDetails"), None, "{expression}");
        answer["result"]["value"].clone()
    }

    /// Every visible text whose contrast with what is behind it is less than 4.5 : 1.
    pub fn pale(&mut self) -> Value {
        self.eval(PALE)
    }

    /// Presses a key, as named by the DOM.
    pub fn press(&mut self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "/" => 191,
            _ => 0,
        };
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text,
            });
            self.call("Input.dispatchKeyEvent", &event);
        }
    }

    /// What a screen reader is told: the role and the name of everything in the page.
    pub fn accessible(&mut self) -> Vec<(String, String)> {
        let tree = self.call("Accessibility.getFullAXTree", &json!({}));
        let text = |node: &Value, of: &str| node[of]["value"].as_str().unwrap_or("").to_owned();
        let nodes = tree["nodes"].as_array().cloned().unwrap_or_default();
        let nodes = nodes.iter().filter(|node| node["ignored"] != json!(true));
        nodes.map(|node| (text(node, "role"), text(node, "name"))).collect()
    }

    /// Writes a picture of the whole page.
    ///
    /// # Panics
    ///
    /// If it can't be written.
    pub fn screenshot(&mut self, file: &Path) {
        let size = &self.call("Page.getLayoutMetrics", &json!({}))["cssContentSize"];
        let (width, height) = (&size["width"], &size["height"]);
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let parameters = json!({ "captureBeyondViewport": true, "clip": clip });
        let picture = self.call("Page.captureScreenshot", &parameters);
        let picture = picture["data"].as_str().expect("a picture");
        let picture = BASE64_STANDARD.decode(picture).expect("base64");
        std::fs::write(file, picture).expect("the picture is written");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
