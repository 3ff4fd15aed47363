//! Values as patterns.

use crate::model::{Kind, Value};

/// The pattern that matches a value. [`super::values`] reads it back as the same value.
pub fn write(value: &Value) -> String {
    let text = value.as_str();
    let (path, operator) = match value.kind() {
        Kind::Ip => (address(text), "="),
        // STIX 2.1 section 6.4: the value of an address object may be a network. A network
        // of one address is the same there as the address; ISSUBSET keeps the difference.
        Kind::Cidr if is_single(value) => (address(text), "ISSUBSET"),
        Kind::Cidr => (address(text), "="),
        Kind::Domain => ("domain-name:value", "="),
        Kind::Url => ("url:value", "="),
        Kind::Email => ("email-addr:value", "="),
        Kind::Md5 => ("file:hashes.MD5", "="),
        Kind::Sha1 => ("file:hashes.'SHA-1'", "="),
        Kind::Sha256 => ("file:hashes.'SHA-256'", "="),
        Kind::Sha512 => ("file:hashes.'SHA-512'", "="),
        Kind::Custom(kind) => return format!("[{}:value = {}]", kind.as_str(), quoted(text)),
    };
    format!("[{path} {operator} {}]", quoted(text))
}

fn address(text: &str) -> &'static str {
    if text.contains(':') { "ipv6-addr:value" } else { "ipv4-addr:value" }
}

fn is_single(value: &Value) -> bool {
    value.network().is_some_and(|net| net.prefix_len() == net.max_prefix_len())
}

/// A text in quotes, with the two escapes that the grammar knows.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        if matches!(c, '\'' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('\'');
    quoted
}
