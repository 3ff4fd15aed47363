//! clamd's log and clamscan's report.

use super::event::Event;
use super::{Context, Unparsed};

pub(super) fn parse<'a>(
    _line: &'a [u8],
    _context: &Context<'_>,
) -> Result<Option<Event<'a>>, Unparsed> {
    Err(Unparsed::NotThisFormat)
}
