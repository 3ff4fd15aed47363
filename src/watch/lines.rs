//! Bytes in, lines out. Pure.

/// The longest line that is passed on, in bytes; the rest of a longer one is cut off.
pub(super) const MAX_LINE_BYTES: usize = 64 * 1024;

/// Splits bytes into lines and knows where the last whole one ended.
#[derive(Debug)]
pub(super) struct Lines {
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
    /// Begins at a position. With `skip`, in the middle of a line, which is left out.
    pub(super) fn at(position: u64, skip: bool) -> Self {
        Self { partial: Vec::new(), cut: 0, skip, position }
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

    /// The file is over: what has no end is a line all the same.
    pub(super) fn end(&mut self, lines: &mut Vec<Vec<u8>>) {
        if self.taken() > self.position {
            self.position = self.taken();
            self.finish(lines);
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = MAX_LINE_BYTES.saturating_sub(self.partial.len()).min(bytes.len());
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
