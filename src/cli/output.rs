//! Where a command writes: data on stdout, messages on stderr.
//!
//! The only place that decides between people and machines (`--json`) and
//! whether to use bold type. Nothing it writes can move a terminal's cursor.

use std::borrow::Cow;
use std::io::{self, Write};

use serde_json::Value;

use super::failure::Failure;

/// The two streams and how to write on them.
pub(super) struct Output<'a> {
    /// Data.
    pub(super) out: &'a mut dyn Write,
    /// Messages.
    pub(super) err: &'a mut dyn Write,
    /// Data for machines.
    pub(super) json: bool,
    /// Whether stdout shows bold type.
    pub(super) bold_out: bool,
    /// Whether stderr shows bold type.
    pub(super) bold_err: bool,
}

impl Output<'_> {
    /// Writes an answer as JSON, or as `human` writes it.
    pub(super) fn answer(
        &mut self,
        answer: &Value,
        human: impl FnOnce(&mut Self, &Value) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.json {
            serde_json::to_writer_pretty(&mut *self.out, answer).map_err(io::Error::from)?;
            writeln!(self.out)?;
            return Ok(());
        }
        human(self, answer)
    }

    /// A line of data.
    pub(super) fn line(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.out, "{}", plain(text))?;
        Ok(())
    }

    /// A line of JSON.
    pub(super) fn json_line(&mut self, value: &Value) -> Result<(), Failure> {
        serde_json::to_writer(&mut *self.out, value).map_err(io::Error::from)?;
        writeln!(self.out)?;
        Ok(())
    }

    /// Something to know that is not an error.
    pub(super) fn note(&mut self, text: &str) {
        self.message("note", text);
    }

    /// What is wrong.
    pub(super) fn error(&mut self, text: &str) {
        self.message("error", text);
    }

    /// What to do next.
    pub(super) fn help(&mut self, text: &str) {
        self.message("help", text);
    }

    fn message(&mut self, word: &str, text: &str) {
        let (word, text) = (bold(word, self.bold_err), plain(text));
        // Nobody is left to tell that stderr is gone.
        drop(writeln!(self.err, "{word}: {text}"));
    }
}

/// In bold type, if the terminal shows it.
pub(super) fn bold(text: &str, shown: bool) -> Cow<'_, str> {
    if shown { format!("\x1b[1m{text}\x1b[0m").into() } else { text.into() }
}

/// With control and direction characters written out, because much of what is
/// shown was sent by strangers.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_hidden(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown.into()
}

/// Control characters, and the format characters that reorder text (Unicode UAX #9).
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
