//! Bytes in, lines out. Pure.

/// The longest line that is passed on, in bytes; the rest of a longer one is cut off.
pub(super) const MAX_LINE_BYTES: usize = 64 * 1024;

/// Splits bytes into lines and knows where the last whole one ended.
#[derive(Debug)]
pub(super) struct Lines {
    /// Bytes that are kept of a line.
    most: usize,
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    /// Bytes of that line that were cut off.
    cut: u64,
    /// The first line began before we did.
    skip: bool,
    /// Position after the last whole line.
    position: u64,
}

impl Lines {
    /// Begins at a position. With `skip`, in the middle of a line, which is left
    /// out. Of a longer line the first `most` bytes are kept.
    pub(super) fn at(position: u64, skip: bool, most: usize) -> Self {
        Self { most, partial: Vec::new(), cut: 0, skip, position }
    }

    /// The position after the last whole line.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The position up to which bytes were taken in.
    pub(super) fn taken(&self) -> u64 {
        self.position + self.partial.len() as u64 + self.cut
    }

    /// Takes bytes in and adds whole lines to `lines`. Returns how many were cut.
    pub(super) fn take(&mut self, mut bytes: &[u8], lines: &mut Vec<Vec<u8>>) -> u64 {
        let mut cut_lines = 0;
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            self.append(line);
            bytes = rest.get(1..).unwrap_or_default();
            cut_lines += u64::from(self.cut > 0);
            self.position = self.taken() + 1;
            self.finish(lines);
        }
        self.append(bytes);
        cut_lines
    }

    /// A line was begun whose end has not come. It is never passed on without
    /// it: half of an address is another address.
    pub(super) fn is_partial(&self) -> bool {
        self.taken() > self.position && !self.skip
    }

    /// The position stands in the middle of a line that is left out.
    pub(super) fn skips(&self) -> bool {
        self.skip
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = self.most.saturating_sub(self.partial.len()).min(bytes.len());
        let (kept, cut) = bytes.split_at(room);
        self.partial.extend_from_slice(kept);
        self.cut += cut.len() as u64;
    }

    fn finish(&mut self, lines: &mut Vec<Vec<u8>>) {
        let mut line = std::mem::take(&mut self.partial);
        self.cut = 0;
        if std::mem::take(&mut self.skip) {
            return;
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        lines.push(line);
    }
}
