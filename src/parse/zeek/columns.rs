//! The header of a log with columns, and its rows.
//!
//! Owns what the header says until the next one says otherwise. It must never grow
//! with what it reads: header and columns have bounds.

use memchr::memmem;

use super::body;
use super::record::{Column, Record};
use crate::parse::text::{Escape, Text};
use crate::parse::{Unparsed, scan};

/// The most columns. Zeek's widest log has some 40.
const MAX_COLUMNS: usize = 256;
/// The longest line of a header.
const MAX_HEADER: usize = 16 * 1024;
/// The longest separator or word for nothing.
const MAX_WORD: usize = 64;

/// What a header says.
#[derive(Debug)]
pub(in crate::parse) struct Columns {
    separator: Vec<u8>,
    set_separator: Vec<u8>,
    empty: Vec<u8>,
    unset: Vec<u8>,
    /// What `#path` says, if that is a log we know.
    path: Option<&'static str>,
    log: &'static str,
    columns: Vec<Option<Column>>,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            separator: b"\t".to_vec(),
            set_separator: b",".to_vec(),
            empty: b"(empty)".to_vec(),
            unset: b"-".to_vec(),
            path: None,
            log: body::OTHER,
            columns: Vec::new(),
        }
    }
}

impl Columns {
    /// Whether a header was read.
    pub(super) fn known(&self) -> bool {
        !self.columns.is_empty()
    }

    /// Which log it is.
    pub(super) fn log(&self) -> &'static str {
        self.log
    }

    /// What stands between the members of a set.
    pub(super) fn set_separator(&self) -> &[u8] {
        &self.set_separator
    }

    /// The bare names of columns that `zeek-cut -m` writes instead of a header, two of
    /// them known. No row looks so, for it would have a time or an address.
    pub(super) fn is_bare_header(&self, line: &[u8]) -> bool {
        let letter = |byte: &u8| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || matches!(byte, b'_' | b'.' | b'\t')
        };
        let names = line.split(|byte| *byte == b'\t');
        let known = |name: &&[u8]| *name == b"uid" || Column::of(name).is_some();
        !self.known()
            && line.len() <= MAX_HEADER
            && line.iter().all(letter)
            && names.filter(known).nth(1).is_some()
    }

    /// Takes such names.
    pub(super) fn bare_header(&mut self, line: &[u8]) -> Result<(), Unparsed> {
        *self = Self::default();
        self.take_fields(line)
    }

    /// A line that begins with `#`. After one that cannot be read no row can.
    pub(super) fn header(&mut self, line: &[u8]) -> Result<(), Unparsed> {
        let read = self.read_header(line);
        if read.is_err() {
            *self = Self::default();
        }
        read
    }

    fn read_header(&mut self, line: &[u8]) -> Result<(), Unparsed> {
        if line.len() > MAX_HEADER {
            return Err(Unparsed::NotThisFormat);
        }
        if let Some(separator) = line.strip_prefix(b"#separator ") {
            *self = Self { separator: word(separator)?, ..Self::default() };
            return Ok(());
        }
        let (name, value) = match memmem::find(line, &self.separator) {
            Some(at) => line.split_at(at),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(self.separator.as_slice()).unwrap_or(value);
        match name {
            b"#set_separator" => self.set_separator = word(value)?,
            b"#empty_field" => self.empty = word(value)?,
            b"#unset_field" => self.unset = word(value)?,
            b"#path" => self.path = body::log_of_path(value),
            b"#fields" => self.take_fields(value)?,
            b"#types" => {}
            _ if name.starts_with(b"#open") => {}
            _ if name.starts_with(b"#close") => *self = Self::default(),
            // Others write comments into a header.
            _ if self.known() => return Err(Unparsed::NotThisFormat),
            _ => {}
        }
        Ok(())
    }

    fn take_fields(&mut self, names: &[u8]) -> Result<(), Unparsed> {
        self.columns.clear();
        for name in memmem_split(names, &self.separator) {
            let column = Column::of(name);
            if self.columns.len() == MAX_COLUMNS {
                return Err(Unparsed::NotThisFormat);
            }
            if column.is_some() && self.columns.contains(&column) {
                return Err(Unparsed::Ambiguous);
            }
            self.columns.push(column);
        }
        let has = |name| self.columns.contains(&Some(name));
        self.log = self.path.unwrap_or_else(|| body::log_of_fields(has));
        Ok(())
    }

    /// One row, into an empty record, which is large to be moved.
    pub(super) fn row<'a>(&self, line: &'a [u8], record: &mut Record<'a>) -> Result<(), Unparsed> {
        if !self.known() {
            return Err(Unparsed::NoHeader);
        }
        let mut values = memmem_split(line, &self.separator);
        for column in &self.columns {
            let value = values.next().ok_or(Unparsed::CutShort)?;
            if let Some(name) = column {
                let given = value != self.unset && value != self.empty;
                let value = if given { value } else { b"" };
                record.set(*name, Text::new(value, Escape::Backslash))?;
            }
        }
        if values.next().is_some() {
            return Err(Unparsed::NotThisFormat);
        }
        Ok(())
    }
}

/// A header's value with its `\xHH` resolved.
fn word(value: &[u8]) -> Result<Vec<u8>, Unparsed> {
    let mut word = Vec::new();
    scan::unescape(value, &mut word);
    if word.is_empty() || word.len() > MAX_WORD {
        return Err(Unparsed::NotThisFormat);
    }
    Ok(word)
}

/// What stands between separators, which are one byte nearly always.
fn memmem_split<'t>(text: &'t [u8], separator: &[u8]) -> impl Iterator<Item = &'t [u8]> {
    let mut rest = Some(text);
    let single = match separator {
        [byte] => Some(*byte),
        _ => None,
    };
    let many = single.is_none().then(|| memmem::Finder::new(separator).into_owned());
    let length = separator.len();
    std::iter::from_fn(move || {
        let text = rest?;
        let at = match (single, &many) {
            (Some(byte), _) => scan::find_near(byte, text),
            (None, Some(finder)) => finder.find(text),
            (None, None) => None,
        };
        let Some((value, tail)) = at.and_then(|at| text.split_at_checked(at)) else {
            rest = None;
            return Some(text);
        };
        rest = tail.get(length..);
        Some(value)
    })
}
