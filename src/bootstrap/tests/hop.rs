//! Requests to a relay byte by byte, as a hostile client sends them: any number of
//! them, at any time.

use std::io;

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::swarm::StreamProtocol;
use libp2p::{PeerId, relay, request_response};

/// The specification's status codes.
pub const OK: u64 = 100;
pub const RESOURCE_LIMIT_EXCEEDED: u64 = 201;
pub const NO_RESERVATION: u64 = 204;

/// A HOP message that a client sends.
#[derive(Clone, Copy, Debug)]
pub enum Wish {
    Reserve,
    Connect(PeerId),
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Hop;

pub fn behaviour() -> request_response::Behaviour<Hop> {
    request_response::Behaviour::new(
        [(relay::HOP_PROTOCOL_NAME, request_response::ProtocolSupport::Outbound)],
        request_response::Config::default(),
    )
}

impl Wish {
    fn encode(self) -> Vec<u8> {
        let mut message = match self {
            Self::Reserve => vec![8, 0],
            Self::Connect(peer) => {
                let peer = peer.to_bytes();
                let length = u8::try_from(peer.len()).unwrap();
                [&[8, 1, 18, length + 2, 10, length], &peer[..]].concat()
            }
        };
        message.insert(0, u8::try_from(message.len()).unwrap());
        message
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 127) << shift;
        if byte & 128 == 0 {
            return Some(value);
        }
    }
    None
}

/// The status in a HOP message, its field 5.
fn status(mut bytes: &[u8]) -> Option<u64> {
    varint(&mut bytes)?;
    loop {
        let tag = varint(&mut bytes)?;
        let value = varint(&mut bytes)?;
        match tag & 7 {
            0 if tag >> 3 == 5 => return Some(value),
            0 => {}
            _ => bytes = bytes.get(usize::try_from(value).ok()?..)?,
        }
    }
}

impl request_response::Codec for Hop {
    type Protocol = StreamProtocol;
    type Request = Wish;
    type Response = u64;

    async fn read_request<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<Wish>
    where
        T: AsyncRead + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<u64>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut bytes = [0; 1024];
        let mut read = 0;
        loop {
            match io.read(&mut bytes[read..]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                more => read += more,
            }
            if let Some(status) = status(&bytes[..read]) {
                return Ok(status);
            }
        }
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        wish: Wish,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&wish.encode()).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, _: &mut T, _: u64) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }
}
