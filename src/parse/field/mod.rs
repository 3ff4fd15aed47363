//! The fields of an event by name.
//!
//! Owns the vocabulary that rules, `explain` and its JSON speak.

mod of;

use std::net::IpAddr;

use ipnet::IpNet;

use super::event::Event;
use super::text::Text;

/// One field of an event, by name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldValue<'a> {
    /// A text.
    Text(Text<'a>),
    /// A number.
    Number(u64),
    /// An address.
    Ip(IpAddr),
    /// A network.
    Network(IpNet),
}

/// What sort of value a field holds, and so what a rule may ask about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A text.
    Text,
    /// A number.
    Number,
    /// An address or network.
    Address,
}

/// Takes one field out of an event.
pub type Getter = for<'a> fn(&Event<'a>) -> Option<FieldValue<'a>>;

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident = $name:literal: $kind:ident,)*) => {
        /// The fields that events have. Not every event has every field.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field { $($(#[$doc])* $variant,)* }

        impl Field {
            /// Every field, in the order in which they are shown.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in rules and JSON.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What sort of value it holds.
            pub fn kind(self) -> FieldKind {
                match self { $(Self::$variant => FieldKind::$kind,)* }
            }

            /// What [`Event::field`] does for this field, for whoever asks it of each line.
            pub fn getter(self) -> Getter {
                match self { $(Self::$variant => |event| event.field(Self::$variant),)* }
            }
        }
    };
}

fields! {
    /// Who did it.
    SrcIp = "src_ip": Address,
    /// The kind of record, in logs that hold several.
    EventType = "event_type": Text,
    /// Virtual host, or the host that a client asked for.
    Host = "host": Text,
    /// Claimed user name.
    User = "user": Text,
    /// The request's whole first line.
    Request = "request": Text,
    /// Request method; of a login the way it was tried.
    Method = "method": Text,
    /// Request target with its query.
    Path = "path": Text,
    /// Request protocol.
    Protocol = "protocol": Text,
    /// Status of the answer.
    Status = "status": Number,
    /// Bytes of the answer.
    Bytes = "bytes": Number,
    /// Claimed referer.
    Referer = "referer": Text,
    /// Claimed user agent.
    UserAgent = "user_agent": Text,
    /// Claimed hops.
    ForwardedFor = "forwarded_for": Text,
    /// What was done: by a firewall, a ban, an intrusion prevention, a login.
    Action = "action": Text,
    /// Prefix of a firewall's line.
    Prefix = "prefix": Text,
    /// `in`, `out` or `forward`.
    Direction = "direction": Text,
    /// Interface a packet came in by.
    InterfaceIn = "interface_in": Text,
    /// Interface a packet leaves by.
    InterfaceOut = "interface_out": Text,
    /// The other end.
    DstIp = "dst_ip": Address,
    /// Transport protocol.
    Proto = "proto": Text,
    /// Sender's port.
    SrcPort = "src_port": Number,
    /// Port it was going to.
    DstPort = "dst_port": Number,
    /// TCP flags.
    Flags = "flags": Text,
    /// Jail of a ban.
    Jail = "jail": Text,
    /// Banned address or network.
    Network = "network": Address,
    /// The side of an alert that attacks.
    Attacker = "attacker": Address,
    /// What an alert or a scanner calls what it found.
    Signature = "signature": Text,
    /// The signature's number.
    SignatureId = "signature_id": Number,
    /// The signature's class.
    Category = "category": Text,
    /// An alert's severity; 1 is the worst.
    Severity = "severity": Number,
    /// Severity of a message.
    Level = "level": Text,
    /// Module that wrote a message.
    Module = "module": Text,
    /// Number of a message.
    Code = "code": Text,
    /// A message's or alert's words.
    Message = "message": Text,
    /// How a connection went.
    State = "state": Text,
    /// Protocol that was recognised.
    AppProto = "app_proto": Text,
    /// Bytes to the server.
    BytesToServer = "bytes_to_server": Number,
    /// Bytes to the client.
    BytesToClient = "bytes_to_client": Number,
    /// Name asked for.
    Query = "query": Text,
    /// Type of the question.
    QueryType = "query_type": Text,
    /// The name system's answer.
    Rcode = "rcode": Text,
    /// Name in a TLS handshake.
    ServerName = "server_name": Text,
    /// TLS version.
    TlsVersion = "tls_version": Text,
    /// Certificate's subject.
    Subject = "subject": Text,
    /// Certificate's issuer.
    Issuer = "issuer": Text,
    /// Client's JA3 fingerprint.
    Ja3 = "ja3": Text,
    /// Name outside that an alert is about.
    Domain = "domain": Text,
    /// A file's path or name.
    FileName = "file_name": Text,
    /// What a file is.
    Mime = "mime": Text,
    /// A file's size in bytes.
    Size = "size": Number,
    /// A file's hash.
    Md5 = "md5": Text,
    /// A file's hash.
    Sha1 = "sha1": Text,
    /// A file's hash.
    Sha256 = "sha256": Text,
    /// Listed indicator that was met.
    Seen = "seen": Text,
    /// What sort of value that is.
    SeenKind = "seen_kind": Text,
}

impl std::str::FromStr for Field {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|field| field.name() == name).ok_or(())
    }
}
