//! Where each field of an event is kept.

use super::{Field, FieldValue};
use crate::parse::event::{
    Alert, Ban, Body, Dns, Event, File, Flow, Http, Login, Message, Packet, Tls,
};
use crate::parse::text::{Escape, Text};

impl<'a> Event<'a> {
    /// A field by name; none if this event has no such field.
    #[inline]
    pub fn field(&self, field: Field) -> Option<FieldValue<'a>> {
        let general = match field {
            Field::SrcIp => self.src_ip.map(FieldValue::Ip),
            Field::EventType => plain(self.event_type.as_bytes()),
            Field::DstIp => self.link.dst_ip.map(FieldValue::Ip),
            Field::Proto => plain(self.link.proto),
            Field::SrcPort => self.link.src_port.map(number),
            Field::DstPort => self.link.dst_port.map(number),
            Field::Direction if !self.link.direction.is_empty() => {
                plain(self.link.direction.as_bytes())
            }
            _ => return self.body.field(field),
        };
        // A rule may want a field to be empty; one that no such log has is none.
        general.filter(|value| !matches!(value, FieldValue::Text(text) if text.is_empty()))
    }
}

impl<'a> Body<'a> {
    #[inline]
    fn field(&self, field: Field) -> Option<FieldValue<'a>> {
        match self {
            Self::Http(http) => http.field(field),
            Self::Message(message) => message.field(field),
            Self::Packet(packet) => packet.field(field),
            Self::Flow(flow) => flow.field(field),
            Self::Dns(dns) => dns.field(field),
            Self::Tls(tls) => tls.field(field),
            Self::File(file) => file.field(field),
            Self::Login(login) => login.field(field),
            Self::Alert(alert) => alert.field(field),
            Self::Ban(ban) => ban.field(field),
        }
    }
}

fn plain(bytes: &[u8]) -> Option<FieldValue<'_>> {
    Some(FieldValue::Text(Text::new(bytes, Escape::None)))
}

/// A text, unless there is nothing.
fn given(text: Text<'_>) -> Option<FieldValue<'_>> {
    (!text.is_empty()).then_some(FieldValue::Text(text))
}

/// Bytes, unless there are none.
fn some(bytes: &[u8]) -> Option<FieldValue<'_>> {
    given(Text::new(bytes, Escape::None))
}

fn number<N: Into<u64>>(number: N) -> FieldValue<'static> {
    FieldValue::Number(number.into())
}

// A body has a few of the fields; the others are none, whichever come later.
impl<'a> Http<'a> {
    #[inline]
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

impl<'a> Message<'a> {
    #[inline]
    fn field(&self, field: Field) -> Option<FieldValue<'a>> {
        match field {
            Field::Level => some(self.level),
            Field::Module => some(self.module),
            Field::Code => some(self.code),
            Field::Message => given(self.text),
            Field::Host => self.http.host.map(FieldValue::Text),
            Field::User => self.http.user.map(FieldValue::Text),
            Field::Request => given(self.http.request),
            Field::Method => given(self.http.method),
            Field::Path => given(self.http.path),
            Field::Protocol => given(self.http.protocol),
            Field::Referer => self.http.referer.map(FieldValue::Text),
            _ => None,
        }
    }
}

impl<'a> Packet<'a> {
    #[inline]
    fn field(&self, field: Field) -> Option<FieldValue<'a>> {
        match field {
            Field::Action => plain(self.action.name().as_bytes()),
            Field::Prefix => plain(self.prefix),
            Field::Direction => plain(self.direction().as_bytes()),
            Field::InterfaceIn => plain(self.interface_in),
            Field::InterfaceOut => plain(self.interface_out),
            Field::Flags => plain(self.flags),
            _ => None,
        }
    }
}

impl<'a> Flow<'a> {
    #[inline]
    fn field(&self, field: Field) -> Option<FieldValue<'a>> {
        match field {
            Field::State => some(self.state),
            Field::AppProto => some(self.app_proto),
            Field::BytesToServer => self.bytes_to_server.map(number),
            Field::BytesToClient => self.bytes_to_client.map(number),
            _ => None,
        }
    }
}

impl<'a> Dns<'a> {
    #[inline]
    fn field(&self, field: Field) -> Option<FieldValue<'a>> {
        match field {
            Field::Query => given(self.query),
            Field::QueryType => some(self.query_type),
            Field::Rcode => some(self.rcode),
            _ => None,
        }
    }
}

impl<'a> Tls<'a> {
    #[inline]
    fn field(&self, field: Field) -> Option<FieldValue<'a>> {
        match field {
            Field::ServerName => self.server_name.map(FieldValue::Text),
            Field::TlsVersion => some(self.version),
            Field::Subject => self.subject.map(FieldValue::Text),
            Field::Issuer => self.issuer.map(FieldValue::Text),
            Field::Ja3 => some(self.ja3),
            _ => None,
        }
    }
}

impl<'a> File<'a> {
    #[inline]
    fn field(&self, field: Field) -> Option<FieldValue<'a>> {
        match field {
            Field::FileName => given(self.name),
            Field::Mime => given(self.mime),
            Field::Size => self.size.map(number),
            Field::Md5 => some(self.md5),
            Field::Sha1 => some(self.sha1),
            Field::Sha256 => some(self.sha256),
            Field::Signature => given(self.signature),
            _ => None,
        }
    }
}

impl<'a> Login<'a> {
    #[inline]
    fn field(&self, field: Field) -> Option<FieldValue<'a>> {
        match field {
            Field::User => self.user.map(FieldValue::Text),
            Field::Action => plain(self.outcome.name().as_bytes()),
            Field::Method => some(self.method),
            _ => None,
        }
    }
}

impl<'a> Alert<'a> {
    #[inline]
    fn field(&self, field: Field) -> Option<FieldValue<'a>> {
        match field {
            Field::Signature => given(self.signature),
            Field::SignatureId => self.signature_id.map(number),
            Field::Category => given(self.category),
            Field::Severity => self.severity.map(number),
            Field::Action => some(self.action),
            Field::Attacker => self.attacker.map(FieldValue::Ip),
            Field::Domain => self.domain.map(FieldValue::Text),
            Field::Message => given(self.message),
            Field::Seen => self.seen.map(|seen| FieldValue::Text(seen.value)),
            Field::SeenKind => self.seen.and_then(|seen| plain(seen.kind.name().as_bytes())),
            _ => None,
        }
    }
}

impl<'a> Ban<'a> {
    #[inline]
    fn field(&self, field: Field) -> Option<FieldValue<'a>> {
        match field {
            Field::Action => plain(self.action.name().as_bytes()),
            Field::Jail => plain(self.jail),
            Field::Network => Some(FieldValue::Network(self.network)),
            _ => None,
        }
    }
}
