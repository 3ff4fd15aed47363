//! What was seen on the wire: packets, connections, names, files.

use crate::parse::text::Text;

/// A packet that the kernel logged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Packet<'a> {
    /// What was done with it, as the rule's prefix says.
    pub action: Action,
    /// The rule's prefix.
    pub prefix: &'a [u8],
    /// The interface it came in by; empty for what this host sends.
    pub interface_in: &'a [u8],
    /// The interface it leaves by; empty for what is meant for this host.
    pub interface_out: &'a [u8],
    /// TCP flags in the kernel's order, such as `SYN` or `ACK PSH FIN`.
    pub flags: &'a [u8],
}

impl Packet<'_> {
    /// `in`, `out`, `forward`, or nothing.
    pub fn direction(&self) -> &'static str {
        match (self.interface_in.is_empty(), self.interface_out.is_empty()) {
            (false, true) => "in",
            (true, false) => "out",
            (false, false) => "forward",
            (true, true) => "",
        }
    }
}

/// What a firewall did with a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// Dropped or rejected.
    Block,
    /// Let through.
    Allow,
    /// Looked at only; another line tells what became of it.
    Audit,
    /// Counted by a rate limit which did not (yet) block it.
    Limit,
    /// The prefix does not say.
    #[default]
    Unknown,
}

impl Action {
    /// The name in rules and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Allow => "allow",
            Self::Audit => "audit",
            Self::Limit => "limit",
            Self::Unknown => "unknown",
        }
    }
}

/// A connection, or part of one, that was watched in passing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flow<'a> {
    /// How it went, in the log's own words (`S0`, `REJ`, `established`…).
    pub state: &'a [u8],
    /// What was spoken, if that was recognised.
    pub app_proto: &'a [u8],
    /// Bytes to the server.
    pub bytes_to_server: Option<u64>,
    /// Bytes to the client.
    pub bytes_to_client: Option<u64>,
}

/// A question to the name system, or an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dns<'a> {
    /// The name asked for.
    pub query: Text<'a>,
    /// `A`, `AAAA`, `TXT`, …
    pub query_type: &'a [u8],
    /// `NOERROR`, `NXDOMAIN`, …; empty for a question.
    pub rcode: &'a [u8],
}

/// A TLS handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tls<'a> {
    /// The name that the client asked for.
    pub server_name: Option<Text<'a>>,
    /// The version in the log's own words.
    pub version: &'a [u8],
    /// The certificate's subject.
    pub subject: Option<Text<'a>>,
    /// The certificate's issuer.
    pub issuer: Option<Text<'a>>,
    /// The client's JA3 fingerprint.
    pub ja3: &'a [u8],
}

/// A file that was seen or scanned.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct File<'a> {
    /// Its path or name; it stays on this node.
    pub name: Text<'a>,
    /// What it is, as the log tells (`application/x-dosexec`).
    pub mime: Text<'a>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Hexadecimal.
    pub md5: &'a [u8],
    /// Hexadecimal.
    pub sha1: &'a [u8],
    /// Hexadecimal.
    pub sha256: &'a [u8],
    /// The malware that was found in it; empty if none was.
    pub signature: Text<'a>,
}
