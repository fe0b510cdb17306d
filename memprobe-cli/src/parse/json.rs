//! Events in JSON, nested or flat, and the wrappers that log collectors put around a line.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::parse::event::{Event, Value};
use crate::parse::origin::Origin;
use crate::parse::time;

/// What an object of JSON has: an event, or the line that it wraps.
#[derive(Debug, Default)]
pub struct Object<'a> {
    pub event: Event,
    /// The field `memprobe` was there.
    pub is_event: bool,
    pub line: Option<Cow<'a, str>>,
    pub origin: Origin,
    /// Docker splits long lines: all parts but the last have no line feed.
    pub is_partial: bool,
}

/// Reads the object at the start of a text. Returns it with its length.
///
/// # Errors
///
/// Those of the parser, where the text is no JSON.
pub fn object(text: &str) -> Result<(Object<'_>, usize), serde_json::Error> {
    let mut object = Object::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Field { object: &mut object, key: "", depth: 0 }.deserialize(&mut deserializer)?;
    if deserializer.end().is_ok() {
        return Ok((object, text.len()));
    }
    // Something stands behind it. Only this iterator tells where a value ends.
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    values.next().transpose()?;
    Ok((object, values.byte_offset()))
}

/// Objects in objects deeper than this are passed over: `fields`, and what collectors add.
const DEPTH: usize = 3;

/// The value of a field: a scalar, or an object of more fields.
struct Field<'o, 'k, 'a> {
    object: &'o mut Object<'a>,
    key: &'k str,
    depth: usize,
}

impl<'a> DeserializeSeed<'a> for Field<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Field<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<(), E> {
        self.object.set_text(self.key, Cow::Borrowed(text));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.object.set_text(self.key, Cow::Owned(text.to_owned()));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.object.set(self.key, Value::Unsigned(number), &number);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.object.set(self.key, Value::Signed(number), &number);
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.object.set(self.key, Value::Other, &number);
        Ok(())
    }

    fn visit_bool<E>(self, is: bool) -> Result<(), E> {
        self.object.set(self.key, Value::Other, &is);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let Field { object, depth, .. } = self;
        if depth > DEPTH {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        }
        while let Some(Text(key)) = map.next_key_seed(TextSeed)? {
            let depth = match &*key {
                "fields" | "kubernetes" | "labels" | "stream" | "attributes" | "log" | "docker" => {
                    depth + 1
                }
                "span" | "spans" | "level" | "target" | "filename" | "line_number" => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                _ => DEPTH + 1,
            };
            map.next_value_seed(Field { object, key: &key, depth })?;
        }
        Ok(())
    }

    /// journald writes a message that is no plain text as a list of its bytes.
    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element::<serde_json::Value>()? {
            bytes.extend(byte.as_u64().and_then(|byte| u8::try_from(byte).ok()));
        }
        if self.key == "MESSAGE" {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            self.object.set_text(self.key, Cow::Owned(text));
        }
        Ok(())
    }
}

impl<'a> Object<'a> {
    fn set_text(&mut self, key: &str, text: Cow<'a, str>) {
        match key {
            "message" | "MESSAGE" | "log" | "line" | "msg" | "@message" => {
                if key == "log" {
                    self.is_partial = !text.ends_with('\n');
                }
                // A wrapper has it once; of an event it is the line for people.
                self.line.get_or_insert(text);
            }
            "timestamp" | "time" | "@timestamp" | "ts" | "__REALTIME_TIMESTAMP" => {
                self.event.at = self.event.at.or_else(|| time::parse(&text));
            }
            _ => {
                self.is_event |= key == "memprobe";
                if self.event.set(key, Value::Text(&text)) {
                    return;
                }
                if self.is_at_own_fields() || !self.origin.set(key, &text) {
                    self.add_own(key, &format_args!("{text:?}"));
                }
            }
        }
    }

    fn set(&mut self, key: &str, value: Value<'_>, shown: &dyn fmt::Display) {
        match (key, value) {
            ("timestamp" | "time" | "@timestamp" | "ts", Value::Unsigned(number)) => {
                self.event.at = time::of_number(number);
            }
            _ if self.event.set(key, value) => {}
            ("_PID" | "pid", Value::Unsigned(pid)) => {
                self.origin.set("pid", &pid.to_string());
            }
            _ => self.add_own(key, shown),
        }
    }

    /// A probe's own fields stand between its label and the ids.
    fn is_at_own_fields(&self) -> bool {
        !self.event.label.is_empty()
            && self.event.call_id.is_none()
            && self.event.uptime_us.is_none()
    }

    fn add_own(&mut self, key: &str, value: &dyn fmt::Display) {
        if self.is_at_own_fields() {
            self.event.add_own(&format!("{key}={value}"));
        }
    }
}

/// A key, borrowed where it has no escapes.
struct Text<'a>(Cow<'a, str>);

struct TextSeed;

impl<'a> DeserializeSeed<'a> for TextSeed {
    type Value = Text<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Text<'a>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for TextSeed {
    type Value = Text<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Text<'a>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'a>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}
