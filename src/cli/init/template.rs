//! The configuration that `dtim init` writes: every key with its meaning, those
//! that keep their default as examples.

use toml::Value as Toml;

/// Every key with its default and meaning.
const DEFAULTS: &str = include_str!("../../../config/default.toml");

/// Stands in place of the defaults' own first paragraph.
const HEAD: &str = "\
# The settings of this node, made by `dtim init`.
#
# - Lines that begin with \"#\" and no space are examples or defaults: remove the \"#\" to change one.
# - A variable DTIM__SECTION__KEY overrides a key: DTIM__NETWORK__DISCOVERABLE=true.
# - Relative paths lie below node.data_dir.
# - Durations are written 90s, 30m, 1h, 14d or 2w, sizes 64MiB or 1GiB.
# - `dtim config check` says what is wrong, `dtim config show` what is in force.
# - [later] marks what is accepted and does nothing yet in this version.
";

/// The file with these keys (`section.key`) set.
pub(super) fn with(set: &[(&str, Toml)]) -> String {
    let mut text = HEAD.to_owned();
    let mut section = String::new();
    let body = DEFAULTS.lines().skip_while(|line| !line.is_empty());
    for line in body {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
        }
        // A key stands at the beginning of its line, and its value behind it.
        let key = line.split_once(" = ").map(|(key, _)| key).filter(|key| !key.starts_with('#'));
        let value = key.map(|key| (key, format!("{section}.{key}"))).map(|(key, path)| {
            match set.iter().find(|(set, _)| *set == path) {
                Some((_, value)) => format!("{key} = {value}"),
                None => format!("#{line}"),
            }
        });
        text.push_str(value.as_deref().unwrap_or(line));
        text.push('\n');
    }
    text
}
