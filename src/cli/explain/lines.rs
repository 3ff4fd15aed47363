//! Lines of a file, numbered from 1, none longer than a watcher reads.

use std::collections::VecDeque;
use std::io::{self, BufRead};

/// The limit that the watchers have (design section 8).
const MAX_LINE_BYTES: usize = 64 * 1024;

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// Longer than a watcher reads.
    TooLong,
}

/// Reads lines one after the other, into one buffer.
pub(super) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, line: Vec::new(), number: 0 }
    }

    /// The next line and its number. A last line without an end counts.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        self.line.clear();
        let mut too_long = false;
        loop {
            let read = match self.reader.fill_buf() {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if read.is_empty() {
                if self.line.is_empty() && !too_long {
                    return Ok(None);
                }
                break;
            }
            let (part, used, ended) = match memchr::memchr(b'\n', read) {
                Some(end) => (read.get(..end).unwrap_or_default(), end + 1, true),
                None => (read, read.len(), false),
            };
            too_long |= self.line.len() + part.len() > MAX_LINE_BYTES;
            if !too_long {
                self.line.extend_from_slice(part);
            }
            self.reader.consume(used);
            if ended {
                break;
            }
        }
        self.number += 1;
        let line = if too_long { Line::TooLong } else { Line::Whole(&self.line) };
        Ok(Some((self.number, line)))
    }
}

/// Lines one after the other, each with those after it.
pub(super) struct Window<R> {
    lines: Lines<R>,
    /// The one that was asked for last.
    line: Vec<u8>,
    /// Read ahead; a line that is too long is empty, and its number is in `long`.
    ahead: VecDeque<Vec<u8>>,
    long: VecDeque<u64>,
    bytes: usize,
    /// How many bytes to read ahead.
    wanted: usize,
    number: u64,
    /// Where the line before lay: its memory is the next one's.
    spare: Vec<u8>,
}

/// The number of a line, the line unless it is too long, and the lines after it.
type Seen<'w> = (u64, Option<&'w [u8]>, &'w [Vec<u8>]);

impl<R: BufRead> Window<R> {
    pub(super) fn new(lines: Lines<R>, wanted: usize) -> Self {
        let (ahead, long) = (VecDeque::new(), VecDeque::new());
        let (line, spare) = (Vec::new(), Vec::new());
        Self { lines, line, ahead, long, bytes: 0, wanted, number: 0, spare }
    }

    /// The next line.
    pub(super) fn next(&mut self) -> io::Result<Option<Seen<'_>>> {
        while self.ahead.is_empty() || self.bytes < self.wanted {
            match self.lines.next()? {
                None => break,
                Some((_, Line::Whole(line))) => {
                    self.bytes += line.len() + 1;
                    let mut place = std::mem::take(&mut self.spare);
                    place.clear();
                    place.extend_from_slice(line);
                    self.ahead.push_back(place);
                }
                Some((number, Line::TooLong)) => {
                    self.bytes += 1;
                    self.ahead.push_back(Vec::new());
                    self.long.push_back(number);
                }
            }
        }
        let Some(line) = self.ahead.pop_front() else { return Ok(None) };
        self.bytes -= line.len() + 1;
        self.number += 1;
        self.spare = std::mem::replace(&mut self.line, line);
        let too_long = self.long.front() == Some(&self.number);
        if too_long {
            self.long.pop_front();
        }
        let line = (!too_long).then_some(self.line.as_slice());
        Ok(Some((self.number, line, self.ahead.make_contiguous())))
    }
}
