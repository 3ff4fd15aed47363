//! nginx's access log.
//!
//! Owns which formats nginx is asked to write; what they have in common with Apache's
//! is read by `combined`.

use super::event::Event;
use super::time::Last;
use super::{Context, Unparsed, combined, frame, json};
use crate::model::Source;

/// `[host] address - user [time] "request" status bytes ["referer" ["agent" ["hops" …]]]`,
/// plain or in a syslog frame, or one JSON object (`escape=json`).
pub(super) fn parse<'a>(
    line: &'a [u8],
    last: &mut Last,
    context: &Context<'_>,
) -> Result<Option<Event<'a>>, Unparsed> {
    let source = Source::NginxAccess;
    if line.first() == Some(&b'{') {
        return json::parse(source, line, context).map(Some);
    }
    match combined::parse(source, line, last, context) {
        Err(Unparsed::NoAddress) => {}
        other => return other,
    }
    let frame = frame::frame(line, context).map_err(|_| Unparsed::NoAddress)?;
    if frame.program != b"nginx" {
        return Err(Unparsed::NotThisFormat);
    }
    if frame.message.first() == Some(&b'{') {
        return json::parse(source, frame.message, context).map(Some);
    }
    combined::parse(source, frame.message, last, context)
}
