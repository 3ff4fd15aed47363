//! Reads the node's JSON for people: any part may be missing, nothing fails.

use serde_json::Value;

use crate::model::{self, Timestamp};

/// A field as text: empty if it is missing, a list with commas.
pub(super) fn text(of: &Value, pointer: &str) -> String {
    of.pointer(pointer).map(shown).unwrap_or_default()
}

/// A field's items; none if it is missing.
pub(super) fn items<'a>(of: &'a Value, pointer: &str) -> &'a [Value] {
    of.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A moment: RFC 3339 as it is, or seconds since the epoch.
pub(super) fn time(of: &Value, pointer: &str) -> String {
    match of.pointer(pointer).and_then(Value::as_u64) {
        Some(seconds) => Timestamp(seconds).to_string(),
        None => text(of, pointer),
    }
}

/// `value`, broken so that nobody clicks on it.
pub(super) fn defanged(of: &Value) -> String {
    let raw = text(of, "/value");
    let parsed = match text(of, "/kind").parse() {
        Ok(kind) => model::Value::parse(&kind, &raw),
        Err(_) => model::Value::guess(&raw),
    };
    parsed.map(|value| value.defanged()).unwrap_or(raw)
}

/// The operator's name of an audience, or its key.
pub(super) fn reader(of: &Value) -> String {
    let name = text(of, "/name");
    if name.is_empty() { text(of, "/audience") } else { name }
}

/// A length of time in its two largest units.
pub(super) fn duration(seconds: u64) -> String {
    let units = [("d", model::DAY), ("h", model::HOUR), ("min", model::MINUTE), ("s", 1)];
    let Some(first) = units.iter().position(|(_, unit)| seconds >= *unit) else {
        return "0 s".to_owned();
    };
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (name, unit) in units.iter().skip(first).take(2) {
        if rest >= *unit {
            parts.push(format!("{} {name}", rest / unit));
        }
        rest %= unit;
    }
    parts.join(" ")
}

/// What VirusTotal said, in a line; nothing if it was not asked.
pub(super) fn virustotal(of: &Value) -> Option<String> {
    let said = of.get("virustotal").filter(|said| said.is_object())?;
    if said.get("known") != Some(&Value::Bool(true)) {
        return Some("VirusTotal has never seen it".to_owned());
    }
    let part = |name: &str, pointer: &str| {
        let text = text(said, pointer);
        if text.is_empty() { text } else { format!(", {name}{text}") }
    };
    Some(format!(
        "VirusTotal: malicious by {} and suspicious by {} of {} engines{}{}{}; {}",
        number(said, "/malicious"),
        number(said, "/suspicious"),
        number(said, "/engines"),
        part("", "/label"),
        part("reputation ", "/reputation"),
        part("analysed ", "/analysed"),
        text(said, "/link"),
    ))
}

/// A size in binary units.
pub(super) fn size(bytes: u64) -> String {
    let (mut whole, mut unit) = (bytes, "B");
    let mut tenths = 0;
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if whole < 1024 {
            break;
        }
        tenths = whole % 1024 * 10 / 1024;
        (whole, unit) = (whole / 1024, larger);
    }
    if unit == "B" { format!("{whole} B") } else { format!("{whole}.{tenths} {unit}") }
}

/// A number's field; zero if it is missing.
pub(super) fn number(of: &Value, pointer: &str) -> u64 {
    of.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let pairs = fields.iter().map(|(name, value)| format!("{name}={}", shown(value)));
            pairs.collect::<Vec<_>>().join(" ")
        }
    }
}
