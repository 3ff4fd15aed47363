//! Web servers: requests, and what their error logs say.

use crate::parse::text::Text;

/// A request to a web server.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Http<'a> {
    /// The virtual host.
    pub host: Option<Text<'a>>,
    /// The name that the client claimed; anything at all.
    pub user: Option<Text<'a>>,
    /// The whole first line, garbage included.
    pub request: Text<'a>,
    /// Empty if the request was garbage.
    pub method: Text<'a>,
    /// As it was sent, with its query. Empty if the request was garbage.
    pub path: Text<'a>,
    /// Such as `HTTP/1.1`; empty if none was sent.
    pub protocol: Text<'a>,
    /// The answer's status.
    pub status: Option<u16>,
    /// Bytes of the answer.
    pub bytes: Option<u64>,
    /// Where the client says it came from.
    pub referer: Option<Text<'a>>,
    /// What the client says it is.
    pub user_agent: Option<Text<'a>>,
    /// What the request says about the hops before; a claim of whoever sent it.
    pub forwarded_for: Option<Text<'a>>,
}

/// A line of a web server's error log.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Message<'a> {
    /// `error`, `crit`, `info`, …
    pub level: &'a [u8],
    /// The module or subsystem that spoke, such as `authz_core`.
    pub module: &'a [u8],
    /// The message's number, such as `AH01630`.
    pub code: &'a [u8],
    /// What it says, without what stands in the other fields. Holds strangers' text.
    pub text: Text<'a>,
    /// The request it is about, as far as it is told.
    pub http: Http<'a>,
}
