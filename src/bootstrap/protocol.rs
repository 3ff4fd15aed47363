//! libp2p's rendezvous protocol, the server's side of it.
//!
//! Owns the bytes of `/rendezvous/1.0.0` (libp2p specs, rendezvous/README.md):
//! reading requests of a bounded size, writing answers. It decides nothing.
//! libp2p's own server is not used because it keeps every registration of a
//! node that registers again and again, tells everybody everything when no
//! namespace is asked for, and cannot answer at all when its table is full.

use std::io;

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::{StreamProtocol, request_response};
use prost::Message as _;

/// The protocol's name.
pub const NAME: StreamProtocol = StreamProtocol::new("/rendezvous/1.0.0");
/// Bytes of a request: a record, a namespace and a cookie need less than 3 KiB.
const MAX_REQUEST_BYTES: usize = 4096;

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

impl Answer {
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

/// Reads requests and writes answers; this side never asks.
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
        let mut request = vec![0; read_length(io).await?];
        io.read_exact(&mut request).await?;
        Request::decode(&request)
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

    async fn read_response<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<Answer>
    where
        T: AsyncRead + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
        _: Request,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// An unsigned varint of at most two bytes, which [`MAX_REQUEST_BYTES`] fits.
async fn read_length<T: AsyncRead + Unpin>(io: &mut T) -> io::Result<usize> {
    let mut byte = [0];
    let mut length = 0;
    for shift in [0, 7] {
        io.read_exact(&mut byte).await?;
        let [byte] = byte;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 && length <= MAX_REQUEST_BYTES {
            return Ok(length);
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
