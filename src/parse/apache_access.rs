//! Apache's access log: `common`, `combined`, with and without a virtual host.
//!
//! Owns which formats Apache is asked to write; what they have in common with nginx's
//! is read by `combined`.

use super::event::Event;
use super::time::Last;
use super::{Context, Unparsed, combined, frame, json};
use crate::model::Source;

/// The programs that write through syslog (`CustomLog "|/usr/bin/logger …"`).
const PROGRAMS: [&[u8]; 5] = [b"apache2", b"httpd", b"apache", b"apache-access", b"logger"];

/// `[host[:port]] client ident user [time] "request" status bytes ["referer" ["agent" …]]`
pub(super) fn parse<'a>(
    line: &'a [u8],
    last: &mut Last,
    context: &Context<'_>,
) -> Result<Option<Event<'a>>, Unparsed> {
    let source = Source::ApacheAccess;
    if line.first() == Some(&b'{') {
        return json::parse(source, line, context).map(Some);
    }
    let whole = combined::parse(source, line, last, context);
    if !matches!(
        whole,
        Err(Unparsed::NoAddress | Unparsed::NoTime | Unparsed::NotThisFormat | Unparsed::Ambiguous)
    ) {
        return whole;
    }
    match frame::frame(line, context) {
        Ok(frame) if PROGRAMS.contains(&frame.program) => {
            combined::parse(source, frame.message, last, context)
        }
        _ => whole,
    }
}
