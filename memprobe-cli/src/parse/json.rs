//! Events in JSON, nested or flat, and the wrappers that log collectors put around a line.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::parse::ansi;
use crate::parse::event::{Event, Value};
use crate::parse::marks::Marks;
use crate::parse::origin::Origin;
use crate::parse::time;

/// What an object of JSON has: an event, or the lines that it wraps.
#[derive(Debug, Default)]
pub struct Object<'a> {
    pub event: Event,
    /// The field `memprobe` was there.
    pub is_event: bool,
    pub line: Option<Cow<'a, str>>,
    pub origin: Origin,
    /// Docker splits long lines: all parts but the last have no line feed.
    pub is_partial: bool,
    /// Which of Docker's streams it is of.
    pub stream: &'static str,
    /// Objects with events or lines in it, whatever their keys.
    pub inner: Vec<Object<'a>>,
    /// How many there are in all, and whether some had no room.
    count: usize,
    pub is_cut: bool,
    place: Place,
}

/// Where in memprobe's fields the last key was: its names, and then the probe's own fields, have a
/// fixed order where memprobe has written them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Elsewhere,
    Memprobe,
    Function,
    From,
    Own,
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

/// Objects and lists deeper than this are passed over.
const DEPTH: usize = 8;
/// Most objects in an object: CloudWatch takes so many log events at once.
const INNER: usize = 10_000;

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

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<(), A::Error> {
        let Field { object, key, depth } = self;
        match key {
            _ if depth > DEPTH => IgnoredAny.visit_map(map).map(drop),
            "fields" | "kubernetes" | "labels" | "stream" | "attributes" | "log" | "docker"
            | "resource" => fields(object, map, depth),
            _ if depth == 0 => fields(object, map, depth),
            // It may be anybody's, whose fields are not those of the object around it.
            _ => {
                let mut inner = Object::default();
                fields(&mut inner, map, depth)?;
                if inner.is_event || inner.line.is_some() || !inner.inner.is_empty() {
                    object.add_inner(inner);
                }
                Ok(())
            }
        }
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        let Field { object, key, depth } = self;
        if depth > DEPTH {
            return IgnoredAny.visit_seq(seq).map(drop);
        }
        // journald writes a message that is no plain text as a list of its bytes.
        if key == "MESSAGE" {
            let mut bytes = Vec::new();
            while let Some(byte) = seq.next_element::<u8>()? {
                bytes.push(byte);
            }
            object.set_text(key, Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()));
            return Ok(());
        }
        while seq.next_element_seed(Field { object, key: "", depth: depth + 1 })?.is_some() {}
        Ok(())
    }
}

/// Reads the fields of an object.
fn fields<'a, A: MapAccess<'a>>(
    object: &mut Object<'a>,
    mut map: A,
    depth: usize,
) -> Result<(), A::Error> {
    while let Some(Text(key)) = map.next_key_seed(TextSeed)? {
        match &*key {
            "span" | "spans" | "level" | "target" | "filename" | "line_number" => {
                map.next_value::<IgnoredAny>()?;
            }
            key => map.next_value_seed(Field { object, key, depth: depth + 1 })?,
        }
    }
    Ok(())
}

fn is_time(key: &str) -> bool {
    matches!(
        key,
        "timestamp" | "time" | "@timestamp" | "ts" | "__REALTIME_TIMESTAMP" | "timeUnixNano"
    )
}

impl<'a> Object<'a> {
    fn set_text(&mut self, key: &str, text: Cow<'a, str>) {
        if self.is_at_own_fields(key) {
            return self.event.add_own(&format!("{key}={text:?}"));
        }
        match key {
            _ if is_time(key) => self.event.at = self.event.at.or_else(|| time::parse(&text)),
            "memprobe" => {
                self.is_event = true;
                self.event.set(key, Value::Text(&text));
            }
            "stream" if text == "stdout" => self.stream = "docker stdout",
            "stream" if text == "stderr" => self.stream = "docker stderr",
            // A wrapper has it once; of an event it is the line for people.
            "message" | "MESSAGE" | "log" | "line" | "msg" | "@message" | "textPayload"
            | "event" | "body" | "Body"
                if self.line.is_none() =>
            {
                self.is_partial = key == "log" && !text.ends_with('\n');
                self.line = Some(text);
            }
            _ if self.event.set(key, Value::Text(&text)) || self.origin.set(key, &text) => {}
            _ if !self.is_event && Marks::of(&ansi::strip(&text)).any() => {
                self.add_inner(Object { line: Some(text), ..Object::default() });
            }
            _ => {}
        }
    }

    fn set(&mut self, key: &str, value: Value<'_>, shown: &dyn fmt::Display) {
        if self.is_at_own_fields(key) {
            return self.event.add_own(&format!("{key}={shown}"));
        }
        match (key, value) {
            (_, Value::Unsigned(number)) if is_time(key) => {
                self.event.at = self.event.at.or_else(|| time::of_number(number));
            }
            _ if self.event.set(key, value) => {}
            ("_PID" | "pid", Value::Unsigned(pid)) => {
                self.origin.set(key, &pid.to_string());
            }
            _ => {}
        }
    }

    /// Goes on to the next key; returns whether it is one of the probe's own fields. These stand
    /// between its label and the ids, and may have any names.
    fn is_at_own_fields(&mut self, key: &str) -> bool {
        let before = self.place;
        self.place = match (before, key) {
            (_, "memprobe") => Place::Memprobe,
            (Place::Memprobe, "function") => Place::Function,
            (Place::Function, "from") => Place::From,
            (Place::Own, "call_id" | "parent_id" | "uptime_us") => Place::Elsewhere,
            (Place::Function | Place::From, "label") | (Place::Own, _) => Place::Own,
            _ => Place::Elsewhere,
        };
        (before, self.place) == (Place::Own, Place::Own)
    }

    fn add_inner(&mut self, inner: Object<'a>) {
        self.count += 1 + inner.count;
        if self.count <= INNER {
            self.inner.push(inner);
        } else {
            self.is_cut = true;
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
