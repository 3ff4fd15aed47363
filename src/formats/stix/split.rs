//! Takes a bundle apart while it comes in, object by object.
//!
//! Owns the bounds: a bundle may have any size, one object and what stands around the objects
//! may not. It never looks into an object; what is wrong inside is for who reads it.

use memchr::memchr2;
use serde::Deserialize;

/// The longest object that is taken, in bytes.
pub const MAX_OBJECT_BYTES: usize = 1024 * 1024;
/// How deep an object may be nested.
pub const MAX_OBJECT_DEPTH: usize = 64;
/// The most that may stand around the objects, in bytes.
pub const MAX_AROUND_BYTES: usize = 64 * 1024;

/// Why the rest of a bundle cannot be taken apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBundle {
    /// The text is no JSON object with a list of objects.
    #[error(
        "not a STIX bundle: wrong at byte {at}; it must be a JSON object with a list `objects`"
    )]
    Syntax {
        /// How many bytes were read before.
        at: u64,
    },
    /// It ends before it is whole.
    #[error("the bundle is cut off; what came before was read")]
    CutOff,
    /// One object is too long.
    #[error("the object that begins at byte {at} is longer than {MAX_OBJECT_BYTES} bytes")]
    ObjectTooLong {
        /// Where it begins.
        at: u64,
    },
    /// One object is nested too deep.
    #[error("the object that begins at byte {at} is nested more than {MAX_OBJECT_DEPTH} deep")]
    ObjectTooDeep {
        /// Where it begins.
        at: u64,
    },
    /// Too much stands around the objects.
    #[error("more than {MAX_AROUND_BYTES} bytes stand around the list of objects")]
    AroundTooLong,
    /// It is JSON, but says that it is something else.
    #[error("not a STIX bundle: {0}")]
    NotABundle(String),
}

/// Takes bytes in pieces of any size.
#[derive(Debug, Default)]
pub struct Splitter {
    state: State,
    /// How many bytes were taken.
    taken: u64,
    /// What stands around the objects, without them.
    around: Vec<u8>,
    /// The beginning of an object that goes on in the next piece.
    begun: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Outside the list.
    Around(Around),
    /// In the list; an object may come, must come, or a comma or the end.
    List(Next),
    /// In an object that began at a byte.
    Object { began: u64, depth: usize, text: Text },
}

#[derive(Clone, Copy, Debug, Default)]
struct Around {
    depth: usize,
    text: Text,
    /// Where the last text of depth 1 begins in what is kept.
    word: usize,
    /// The last text of depth 1 is a key named `objects`.
    named: bool,
    /// A value comes next, not a key.
    value: bool,
    /// The list was there.
    listed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    ObjectOrEnd,
    Object,
    CommaOrEnd,
}

/// Whether a byte is part of a text, and whether the one before it was a backslash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Text {
    #[default]
    Outside,
    Inside,
    Escaped,
}

impl Default for State {
    fn default() -> Self {
        Self::Around(Around::default())
    }
}

/// What a STIX bundle and a TAXII envelope have around their objects.
#[derive(Deserialize)]
struct Envelope {
    r#type: Option<String>,
    #[serde(default, rename = "objects")]
    _objects: Vec<u8>,
}

impl Splitter {
    /// Takes the next piece and gives each object that ends in it. An error ends it all.
    pub fn take(&mut self, piece: &[u8], mut object: impl FnMut(&[u8])) -> Result<(), BadBundle> {
        let mut rest = piece;
        while !rest.is_empty() {
            let used = match self.state {
                State::Around(around) => self.around(around, rest)?,
                State::List(next) => self.list(next, rest)?,
                State::Object { began, depth, text } => {
                    self.object(began, depth, text, rest, &mut object)?
                }
            };
            self.taken += used as u64;
            rest = rest.get(used..).unwrap_or_default();
        }
        Ok(())
    }

    /// There is no more. Says whether it was a whole bundle.
    pub fn finish(self) -> Result<(), BadBundle> {
        let State::Around(Around { depth: 0, .. }) = self.state else {
            return Err(BadBundle::CutOff);
        };
        if self.around.is_empty() {
            return Err(BadBundle::CutOff);
        }
        let envelope: Envelope = serde_json::from_slice(&self.around)
            .map_err(|error| BadBundle::NotABundle(error.to_string()))?;
        match envelope.r#type.as_deref() {
            // A TAXII envelope names no type.
            None | Some("bundle") => Ok(()),
            Some(_) => Err(BadBundle::NotABundle("its type is not `bundle`".to_owned())),
        }
    }

    fn syntax(&self, used: usize) -> BadBundle {
        BadBundle::Syntax { at: self.taken + used as u64 }
    }

    /// Keeps what stands around the list, up to its bracket.
    fn around(&mut self, mut around: Around, rest: &[u8]) -> Result<usize, BadBundle> {
        for (at, byte) in rest.iter().enumerate() {
            if self.around.len() >= MAX_AROUND_BYTES {
                return Err(BadBundle::AroundTooLong);
            }
            self.around.push(*byte);
            if around.text != Text::Outside {
                around.text = around.text.after(*byte);
                if around.text == Text::Outside && around.depth == 1 && !around.value {
                    let word = self.around.get(around.word..).unwrap_or_default();
                    around.named = word == b"\"objects\"";
                }
                continue;
            }
            match byte {
                b'"' => {
                    around.text = Text::Inside;
                    around.word = self.around.len() - 1;
                }
                b':' if around.depth == 1 => around.value = true,
                b',' if around.depth == 1 => around.value = false,
                b'[' if around.depth == 1 && around.value && around.named && !around.listed => {
                    self.state = State::List(Next::ObjectOrEnd);
                    return Ok(at + 1);
                }
                b'{' | b'[' => around.depth += 1,
                b'}' | b']' => {
                    around.depth = around.depth.checked_sub(1).ok_or_else(|| self.syntax(at))?;
                }
                _ => {}
            }
            if around.depth > MAX_OBJECT_DEPTH {
                return Err(self.syntax(at));
            }
        }
        self.state = State::Around(around);
        Ok(rest.len())
    }

    /// Between two objects.
    fn list(&mut self, next: Next, rest: &[u8]) -> Result<usize, BadBundle> {
        let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let Some(byte) = rest.get(blank) else { return Ok(blank) };
        match (byte, next) {
            (b'{', Next::Object | Next::ObjectOrEnd) => {
                let began = self.taken + blank as u64;
                self.state = State::Object { began, depth: 0, text: Text::Outside };
                return Ok(blank);
            }
            (b',', Next::CommaOrEnd) => self.state = State::List(Next::Object),
            (b']', Next::ObjectOrEnd | Next::CommaOrEnd) => {
                self.around.push(b']');
                let around = Around { depth: 1, value: true, listed: true, ..Around::default() };
                self.state = State::Around(around);
            }
            _ => return Err(self.syntax(blank)),
        }
        Ok(blank + 1)
    }

    /// In an object, up to its last brace.
    fn object(
        &mut self,
        began: u64,
        mut depth: usize,
        mut text: Text,
        rest: &[u8],
        object: &mut impl FnMut(&[u8]),
    ) -> Result<usize, BadBundle> {
        let room = MAX_OBJECT_BYTES - self.begun.len();
        let seen = rest.get(..room).unwrap_or(rest);
        let mut at = 0;
        while let Some(byte) = seen.get(at) {
            at += 1;
            match (text, byte) {
                (Text::Inside, b'"' | b'\\') | (Text::Escaped, _) => text = text.after(*byte),
                (Text::Inside, _) => {
                    // Most of an object is text: to its end, or to the next backslash.
                    let ahead = seen.get(at..).unwrap_or_default();
                    at += memchr2(b'"', b'\\', ahead).unwrap_or(ahead.len());
                }
                (Text::Outside, b'"') => text = Text::Inside,
                (Text::Outside, b'{' | b'[') => {
                    depth += 1;
                    if depth > MAX_OBJECT_DEPTH {
                        return Err(BadBundle::ObjectTooDeep { at: began });
                    }
                }
                (Text::Outside, b'}' | b']') => {
                    depth -= 1;
                    if depth == 0 {
                        self.whole(seen.get(..at).unwrap_or_default(), object);
                        return Ok(at);
                    }
                }
                (Text::Outside, _) => {}
            }
        }
        if seen.len() < rest.len() {
            return Err(BadBundle::ObjectTooLong { at: began });
        }
        self.begun.extend_from_slice(seen);
        self.state = State::Object { began, depth, text };
        Ok(rest.len())
    }

    fn whole(&mut self, end: &[u8], object: &mut impl FnMut(&[u8])) {
        self.state = State::List(Next::CommaOrEnd);
        if self.begun.is_empty() {
            return object(end);
        }
        self.begun.extend_from_slice(end);
        object(&self.begun);
        self.begun.clear();
    }
}

impl Text {
    /// After a byte inside a text.
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Inside, b'"') => Self::Outside,
            (Self::Inside, b'\\') => Self::Escaped,
            _ => Self::Inside,
        }
    }
}
