//! ClamAV: clamd's log, and what clamscan and clamdscan print.
//!
//! Owns verdicts about files. A file's name is a stranger's and may hold anything, also
//! the words of a verdict, so a verdict is read from the end of the line. It must never
//! let a path out of this node: only a signature and a hash can.

use super::event::{Body, Event, File};
use super::scan::{literal, number, take_until};
use super::text::{Escape, Text};
use super::{Context, Unparsed, frame, time};
use crate::model::Source;

/// Verdicts that are not about malware.
const OTHER_VERDICTS: [&[u8]; 9] = [
    b": OK",
    b": Empty file",
    b": Excluded",
    b": Excluded (another filesystem)",
    b": Symbolic link",
    b": Access denied",
    b" ERROR",
    b": Not a regular file",
    b": No such file or directory",
];

/// How lines begin that are about the scanner itself.
const NOTICES: &[&[u8]] = &[
    b"--",
    b"+++",
    b"WARNING:",
    b"ERROR:",
    b"LibClamAV",
    b"^",
    b"!",
    b"*",
    b"Known viruses:",
    b"Engine version:",
    b"Scanned ",
    b"Infected files:",
    b"Total errors:",
    b"Data ",
    b"Time:",
    b"Start Date:",
    b"End Date:",
    b"Received ",
    b"clamd daemon",
    b"Log file size",
    b"Reading ",
    b"Not loading",
    b"Bytecode:",
    b"Loaded ",
    b"LOCAL:",
    b"TCP:",
    b"Limits:",
    b"Archive",
    b"Image",
    b"Portable",
    b"ELF",
    b"Mail",
    b"OLE2",
    b"PDF",
    b"SWF",
    b"HTML",
    b"XMLDOCS",
    b"HWP3",
    b"OneNote",
    b"Self ",
    b"SelfCheck:",
    b"Database ",
    b"Heuristic",
    b"Listening daemon:",
    b"MaxQueue",
    b"Exit",
    b"Socket",
    b"Pid file",
    b"Shutting",
    b"No stats",
    b"Activating",
    b"Algorithmic",
    b"AlertExceeds",
    b"Structured",
    b"Fanotify",
    b"ScanOnAccess",
    b"Client ",
    b"Running as",
    b"Set ",
    b"Warning:",
    b"daily",
    b"main.c",
    b"bytecode.c",
    b"ClamAV update",
    b"Current working",
    b"Downloading",
    b"Testing",
    b"Trying",
    b"Clamd successfully",
    b"freshclam",
    b"Can't ",
    b"Stopped at",
    b"Waiting",
    b"Removed",
    b"Detection ",
    b"Closing ",
];

/// `[time -> ]path: signature[(md5:size)] FOUND`, or another line of the scanner's.
pub(super) fn parse<'a>(
    line: &'a [u8],
    context: &Context<'_>,
) -> Result<Option<Event<'a>>, Unparsed> {
    let mut rest = line;
    let mut at = time::ctime(&mut rest, context);
    let own_time = at.is_some() && literal(&mut rest, b" -> ").is_some();
    if !own_time {
        (at, rest) = (None, line);
        // A path may look like a frame without a time, never like one with it.
        if let Ok(frame) = frame::frame(line, context)
            && (frame.time.is_some() || is_clamav(frame.program))
        {
            (at, rest) = (frame.time, frame.message);
            let verdict = is_clamav(frame.program).then(|| verdict(rest)).flatten();
            return Ok(verdict
                .map(|file| Event { time: at, ..Event::new(Source::Clamav, Body::File(file)) }));
        }
    }
    if let Some(mut file) = verdict(rest) {
        if !own_time {
            // Only clamd tells hashes. A line without its time may be the middle of a name.
            (file.md5, file.size) = (b"", None);
        }
        return Ok(Some(Event { time: at, ..Event::new(Source::Clamav, Body::File(file)) }));
    }
    if own_time || is_of_the_scanner(rest) { Ok(None) } else { Err(Unparsed::NotThisFormat) }
}

/// Whether a line begins a record of clamd's.
pub(super) fn begins_record(line: &[u8], context: &Context<'_>) -> bool {
    let mut rest = line;
    time::ctime(&mut rest, context).is_some() && rest.starts_with(b" -> ")
}

fn is_clamav(program: &[u8]) -> bool {
    matches!(program, b"clamd" | b"clamonacc" | b"clamdscan" | b"freshclam" | b"clamav")
}

fn is_of_the_scanner(rest: &[u8]) -> bool {
    OTHER_VERDICTS.iter().any(|verdict| rest.ends_with(verdict))
        || NOTICES.iter().any(|notice| rest.starts_with(notice))
}

/// `path: signature FOUND`; signatures hold no space.
fn verdict(rest: &[u8]) -> Option<File<'_>> {
    let said = rest.strip_suffix(b" FOUND")?;
    let at = memchr::memmem::rfind(said, b": ")?;
    let (name, signature) = (said.get(..at)?, said.get(at + 2..)?);
    if signature.is_empty() || signature.contains(&b' ') {
        return None;
    }
    let mut file = File { name: Text::new(name, Escape::None), ..File::default() };
    let detail = detail(signature);
    if let Some((_, md5, size)) = detail {
        (file.md5, file.size) = (md5, Some(size));
    }
    let signature = detail.map_or(signature, |(signature, ..)| signature);
    file.signature = Text::new(signature, Escape::None);
    Some(file)
}

/// `signature(md5:size)`, with clamd's ExtendedDetectionInfo.
fn detail(signature: &[u8]) -> Option<(&[u8], &[u8], u64)> {
    let inside = signature.strip_suffix(b")")?;
    let open = memchr::memrchr(b'(', inside)?;
    let mut rest = inside.get(open + 1..)?;
    let md5 = take_until(&mut rest, b':')?;
    let is_hash = md5.len() == 32 && md5.iter().all(u8::is_ascii_hexdigit);
    let named = is_hash && open > 0;
    named.then_some((signature.get(..open)?, md5, number(rest)?))
}
