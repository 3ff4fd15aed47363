//! libp2p's rendezvous protocol: how nodes and bootstraps speak of who is there.
//!
//! Owns the bytes of `/rendezvous/1.0.0` (libp2p specs, rendezvous/README.md):
//! messages of bounded size, in and out. It decides nothing.
//!
//! libp2p's own server keeps every registration of a node that registers again
//! and again, tells everybody everything when no namespace is asked for, and
//! cannot answer at all when its table is full; its client panics when a server
//! answers with a request and keeps whatever a server names. So neither is used.

use std::io;

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::{StreamProtocol, request_response};
use prost::Message as _;

/// The protocol's name.
pub const NAME: StreamProtocol = StreamProtocol::new("/rendezvous/1.0.0");
/// Bytes of a request: a record, a namespace and a cookie need less than 3 KiB.
const MAX_REQUEST_BYTES: usize = 4096;
/// Bytes of an answer: a page of a hundred records.
const MAX_ANSWER_BYTES: usize = 512 * 1024;
/// Bytes of a cookie that is kept for the next question.
const MAX_COOKIE_BYTES: usize = 256;

/// What a caller asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// List me.
    Register {
        /// Where.
        namespace: String,
        /// The signed peer record.
        record: Vec<u8>,
        /// For how many seconds.
        ttl: Option<u64>,
    },
    /// Take me off the list. It has no answer.
    Unregister {
        /// Where.
        namespace: String,
    },
    /// Who else is there?
    Discover {
        /// Where; nothing asks for all namespaces.
        namespace: Option<String>,
        /// At most so many.
        limit: Option<u64>,
        /// Only what came after the answer in which this cookie was.
        cookie: Option<Vec<u8>>,
    },
}

/// Why a request is refused, as the protocol says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum Status {
    /// It is not refused.
    Ok = 0,
    /// No such namespace here.
    InvalidNamespace = 100,
    /// The record is not one, or is not the caller's.
    InvalidRecord = 101,
    /// The cookie is not one of ours.
    InvalidCookie = 103,
    /// Not for this caller.
    NotAuthorized = 200,
    /// Not now.
    Unavailable = 400,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Listed for so many seconds, or not.
    Registered(Result<u64, Status>),
    /// Who else is there, or a refusal.
    Discovered(Result<Discovered, Status>),
}

/// A page of registrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// Where.
    pub namespace: String,
    /// Signed peer records and the seconds that they still live.
    pub records: Vec<(Vec<u8>, u64)>,
    /// For the next request.
    pub cookie: Vec<u8>,
}

impl Request {
    /// Reads one protobuf message.
    fn decode(bytes: &[u8]) -> io::Result<Self> {
        let message = Message::decode(bytes).map_err(io::Error::other)?;
        let request = match message.kind.map(Kind::try_from) {
            Some(Ok(Kind::Register)) => message.register.and_then(|register| {
                let (namespace, record) = (register.ns?, register.signed_peer_record?);
                Some(Self::Register { namespace, record, ttl: register.ttl })
            }),
            Some(Ok(Kind::Unregister)) => message
                .unregister
                .and_then(|unregister| Some(Self::Unregister { namespace: unregister.ns? })),
            Some(Ok(Kind::Discover)) => message.discover.map(|discover| Self::Discover {
                namespace: discover.ns,
                limit: discover.limit,
                cookie: discover.cookie,
            }),
            Some(Ok(Kind::RegisterResponse | Kind::DiscoverResponse) | Err(_)) | None => None,
        };
        request.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

impl Request {
    /// The protobuf message with its length before it.
    fn encode(self) -> Vec<u8> {
        let message = match self {
            Self::Register { namespace, record, ttl } => Message {
                kind: Some(Kind::Register.into()),
                register: Some(Register {
                    ns: Some(namespace),
                    signed_peer_record: Some(record),
                    ttl,
                }),
                ..Message::default()
            },
            Self::Unregister { namespace } => Message {
                kind: Some(Kind::Unregister.into()),
                unregister: Some(Unregister { ns: Some(namespace) }),
                ..Message::default()
            },
            Self::Discover { namespace, limit, cookie } => Message {
                kind: Some(Kind::Discover.into()),
                discover: Some(Discover { ns: namespace, limit, cookie }),
                ..Message::default()
            },
        };
        message.encode_length_delimited_to_vec()
    }
}

impl Answer {
    /// Reads one protobuf message. A request is not an answer.
    fn decode(bytes: &[u8]) -> io::Result<Self> {
        let message = Message::decode(bytes).map_err(io::Error::other)?;
        let answer = match message.kind.map(Kind::try_from) {
            Some(Ok(Kind::RegisterResponse)) => message.register_response.map(|answer| {
                Self::Registered(
                    refusal(answer.status)
                        .map_or_else(|| answer.ttl.ok_or(Status::Unavailable), Err),
                )
            }),
            Some(Ok(Kind::DiscoverResponse)) => message.discover_response.map(|answer| {
                let refused = refusal(answer.status);
                Self::Discovered(refused.map_or_else(|| Ok(answer.into()), Err))
            }),
            Some(Ok(Kind::Register | Kind::Unregister | Kind::Discover) | Err(_)) | None => None,
        };
        answer.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// The protobuf message with its length before it.
    fn encode(self) -> Vec<u8> {
        let message = match self {
            Self::Registered(outcome) => Message {
                kind: Some(Kind::RegisterResponse.into()),
                register_response: Some(RegisterResponse {
                    status: Some(outcome.err().unwrap_or(Status::Ok).into()),
                    ttl: outcome.ok(),
                }),
                ..Message::default()
            },
            Self::Discovered(outcome) => Message {
                kind: Some(Kind::DiscoverResponse.into()),
                discover_response: Some(match outcome {
                    Ok(page) => page.into(),
                    Err(status) => DiscoverResponse {
                        status: Some(status.into()),
                        ..DiscoverResponse::default()
                    },
                }),
                ..Message::default()
            },
        };
        message.encode_length_delimited_to_vec()
    }
}

impl From<Discovered> for DiscoverResponse {
    fn from(page: Discovered) -> Self {
        let register = |(record, ttl)| Register {
            ns: Some(page.namespace.clone()),
            signed_peer_record: Some(record),
            ttl: Some(ttl),
        };
        Self {
            registrations: page.records.into_iter().map(register).collect(),
            cookie: Some(page.cookie),
            status: Some(Status::Ok.into()),
        }
    }
}

impl From<DiscoverResponse> for Discovered {
    fn from(answer: DiscoverResponse) -> Self {
        let namespace = answer.registrations.first().and_then(|first| first.ns.clone());
        let record = |register: Register| {
            Some((register.signed_peer_record?, register.ttl.unwrap_or_default()))
        };
        let mut cookie = answer.cookie.unwrap_or_default();
        cookie.truncate(MAX_COOKIE_BYTES);
        Self {
            namespace: namespace.unwrap_or_default(),
            records: answer.registrations.into_iter().filter_map(record).collect(),
            cookie,
        }
    }
}

/// What a status other than `Ok` says; one that is not known is a refusal too.
fn refusal(status: Option<i32>) -> Option<Status> {
    let status = status.and_then(|status| Status::try_from(status).ok());
    Some(status.unwrap_or(Status::Unavailable)).filter(|status| *status != Status::Ok)
}

/// Reads and writes the messages of both sides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Codec;

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Request;
    type Response = Answer;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        Request::decode(&read(io, MAX_REQUEST_BYTES).await?)
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Answer>
    where
        T: AsyncRead + Unpin + Send,
    {
        Answer::decode(&read(io, MAX_ANSWER_BYTES).await?)
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Request,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&request.encode()).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        answer: Answer,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&answer.encode()).await
    }
}

/// A message after its length, an unsigned varint of at most three bytes.
pub(super) async fn read<T: AsyncRead + Unpin>(io: &mut T, at_most: usize) -> io::Result<Vec<u8>> {
    let mut byte = [0];
    let mut length = 0;
    for shift in [0, 7, 14] {
        io.read_exact(&mut byte).await?;
        let [byte] = byte;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 && length <= at_most {
            let mut message = vec![0; length];
            io.read_exact(&mut message).await?;
            return Ok(message);
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum Kind {
    Register = 0,
    RegisterResponse = 1,
    Unregister = 2,
    Discover = 3,
    DiscoverResponse = 4,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Message {
    #[prost(enumeration = "Kind", optional, tag = "1")]
    kind: Option<i32>,
    #[prost(message, optional, tag = "2")]
    register: Option<Register>,
    #[prost(message, optional, tag = "3")]
    register_response: Option<RegisterResponse>,
    #[prost(message, optional, tag = "4")]
    unregister: Option<Unregister>,
    #[prost(message, optional, tag = "5")]
    discover: Option<Discover>,
    #[prost(message, optional, tag = "6")]
    discover_response: Option<DiscoverResponse>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Register {
    #[prost(string, optional, tag = "1")]
    ns: Option<String>,
    #[prost(bytes = "vec", optional, tag = "2")]
    signed_peer_record: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "3")]
    ttl: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RegisterResponse {
    #[prost(enumeration = "Status", optional, tag = "1")]
    status: Option<i32>,
    #[prost(uint64, optional, tag = "3")]
    ttl: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Unregister {
    #[prost(string, optional, tag = "1")]
    ns: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Discover {
    #[prost(string, optional, tag = "1")]
    ns: Option<String>,
    #[prost(uint64, optional, tag = "2")]
    limit: Option<u64>,
    #[prost(bytes = "vec", optional, tag = "3")]
    cookie: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct DiscoverResponse {
    #[prost(message, repeated, tag = "1")]
    registrations: Vec<Register>,
    #[prost(bytes = "vec", optional, tag = "2")]
    cookie: Option<Vec<u8>>,
    #[prost(enumeration = "Status", optional, tag = "3")]
    status: Option<i32>,
}

#[cfg(test)]
mod tests;
