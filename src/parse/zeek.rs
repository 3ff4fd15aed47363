//! Zeek's logs.

use super::event::Event;
use super::{Context, Unparsed};

/// What a header says.
#[derive(Debug, Default)]
pub(super) struct Columns {}

pub(super) fn parse<'a>(
    _line: &'a [u8],
    _columns: &mut Columns,
    _context: &Context<'_>,
) -> Result<Option<Event<'a>>, Unparsed> {
    Err(Unparsed::NotThisFormat)
}
