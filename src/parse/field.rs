//! The fields of an event by name.
//!
//! Owns the vocabulary that rules, `explain` and its JSON speak.

use std::net::IpAddr;

use ipnet::IpNet;

use super::event::{Ban, Body, Event, Http, Packet};
use super::text::{Escape, Text};

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
        }
    };
}

fields! {
    /// Who did it.
    SrcIp = "src_ip": Address,
    /// Virtual host.
    Host = "host": Text,
    /// Claimed user name.
    User = "user": Text,
    /// The request's whole first line.
    Request = "request": Text,
    /// Request method.
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
    /// What a firewall or a ban did.
    Action = "action": Text,
    /// Prefix of a firewall's line.
    Prefix = "prefix": Text,
    /// `in`, `out` or `forward`.
    Direction = "direction": Text,
    /// Interface a packet came in by.
    InterfaceIn = "interface_in": Text,
    /// Interface a packet leaves by.
    InterfaceOut = "interface_out": Text,
    /// Where a packet was going.
    DstIp = "dst_ip": Address,
    /// Transport protocol.
    Proto = "proto": Text,
    /// Sender's port.
    SrcPort = "src_port": Number,
    /// Port a packet was going to.
    DstPort = "dst_port": Number,
    /// TCP flags.
    Flags = "flags": Text,
    /// Jail of a ban.
    Jail = "jail": Text,
    /// Banned address or network.
    Network = "network": Address,
}

impl std::str::FromStr for Field {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|field| field.name() == name).ok_or(())
    }
}

impl<'a> Event<'a> {
    /// A field by name; none if this event has no such field.
    pub fn field(&self, field: Field) -> Option<FieldValue<'a>> {
        if field == Field::SrcIp {
            return self.src_ip.map(FieldValue::Ip);
        }
        match &self.body {
            Body::Http(http) => http.field(field),
            Body::Packet(packet) => packet.field(field),
            Body::Ban(ban) => ban.field(field),
        }
    }
}

fn plain(bytes: &[u8]) -> Option<FieldValue<'_>> {
    Some(FieldValue::Text(Text::new(bytes, Escape::None)))
}

fn number<N: Into<u64>>(number: N) -> FieldValue<'static> {
    FieldValue::Number(number.into())
}

// A body has a few of the fields; the others are none, whichever come later.
#[allow(clippy::wildcard_enum_match_arm)]
impl<'a> Http<'a> {
    fn field(&self, field: Field) -> Option<FieldValue<'a>> {
        match field {
            Field::Host => self.host.map(FieldValue::Text),
            Field::User => self.user.map(FieldValue::Text),
            Field::Request => Some(FieldValue::Text(self.request)),
            Field::Method => Some(FieldValue::Text(self.method)),
            Field::Path => Some(FieldValue::Text(self.path)),
            Field::Protocol => Some(FieldValue::Text(self.protocol)),
            Field::Status => self.status.map(number),
            Field::Bytes => self.bytes.map(number),
            Field::Referer => self.referer.map(FieldValue::Text),
            Field::UserAgent => self.user_agent.map(FieldValue::Text),
            Field::ForwardedFor => self.forwarded_for.map(FieldValue::Text),
            _ => None,
        }
    }
}

#[allow(clippy::wildcard_enum_match_arm)]
impl<'a> Packet<'a> {
    fn field(&self, field: Field) -> Option<FieldValue<'a>> {
        match field {
            Field::Action => plain(self.action.name().as_bytes()),
            Field::Prefix => plain(self.prefix),
            Field::Direction => plain(self.direction().as_bytes()),
            Field::InterfaceIn => plain(self.interface_in),
            Field::InterfaceOut => plain(self.interface_out),
            Field::DstIp => self.dst_ip.map(FieldValue::Ip),
            Field::Proto => plain(self.proto),
            Field::SrcPort => self.src_port.map(number),
            Field::DstPort => self.dst_port.map(number),
            Field::Flags => plain(self.flags),
            _ => None,
        }
    }
}

#[allow(clippy::wildcard_enum_match_arm)]
impl<'a> Ban<'a> {
    fn field(&self, field: Field) -> Option<FieldValue<'a>> {
        match field {
            Field::Action => plain(self.action.name().as_bytes()),
            Field::Jail => plain(self.jail),
            Field::Network => Some(FieldValue::Network(self.network)),
            _ => None,
        }
    }
}
