//! The bytes of AutoNAT v2 (libp2p specs, autonat/autonat-v2.md): protobuf
//! messages with their length before them.

use std::io;

use futures::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use prost::Message as _;

use super::super::rendezvous::read;
use super::Question;
use crate::mesh::reach::Tested;

/// Bytes of a message, after its length.
const MAX_BYTES: usize = 4104;
/// Bytes of a number that comes back.
const MAX_BACK_BYTES: usize = 10;
/// What a server may ask for before it dials, so that nobody makes it dial others.
const DATA: std::ops::RangeInclusive<u64> = 30_000..=100_000;
/// Of that, at a time.
const DATA_AT_ONCE: u64 = 4096;

/// The server did what it was asked.
const OK: i32 = 200;
/// The server could not connect.
const DIAL_ERROR: i32 = 100;
/// It could connect, but not bring the number.
const DIAL_BACK_ERROR: i32 = 101;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Message {
    #[prost(message, optional, tag = "1")]
    pub(super) request: Option<Request>,
    #[prost(message, optional, tag = "2")]
    pub(super) response: Option<Response>,
    #[prost(message, optional, tag = "3")]
    pub(super) data_request: Option<DataRequest>,
    #[prost(message, optional, tag = "4")]
    pub(super) data: Option<Data>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Request {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(super) addresses: Vec<Vec<u8>>,
    #[prost(fixed64, tag = "2")]
    pub(super) number: u64,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct Response {
    #[prost(int32, tag = "1")]
    pub(super) status: i32,
    #[prost(uint32, tag = "2")]
    pub(super) address: u32,
    #[prost(int32, tag = "3")]
    pub(super) dialled: i32,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct DataRequest {
    #[prost(uint32, tag = "1")]
    pub(super) address: u32,
    #[prost(uint64, tag = "2")]
    pub(super) bytes: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Data {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) data: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Back {
    #[prost(fixed64, tag = "1")]
    number: u64,
}

/// Its only status, OK, is zero and therefore not written.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct BackTaken {}

/// Asks about one address and waits for what comes of it.
pub(super) async fn ask<S>(mut stream: S, question: &Question) -> io::Result<Tested>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let addresses = vec![question.address.to_vec()];
    let request = Request { addresses, number: question.number };
    write(&mut stream, Message { request: Some(request), ..Message::default() }).await?;
    let mut answer = receive(&mut stream).await?;
    if let Some(wanted) = answer.data_request {
        if wanted.address != 0 || !DATA.contains(&wanted.bytes) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        send_data(&mut stream, wanted.bytes).await?;
        answer = receive(&mut stream).await?;
    }
    // The server may have closed the stream, since nothing more is to be said.
    stream.close().await.unwrap_or_default();
    match answer.response {
        Some(Response { status: OK, address: 0, dialled: OK }) => Ok(Tested::Reached),
        Some(Response { status: OK, address: 0, dialled: DIAL_ERROR | DIAL_BACK_ERROR }) => {
            Ok(Tested::NotReached)
        }
        // It refused, or had trouble of its own.
        Some(_) => Ok(Tested::NoAnswer),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

async fn send_data<S: AsyncWrite + Unpin>(stream: &mut S, bytes: u64) -> io::Result<()> {
    let mut left = bytes;
    while left > 0 {
        let part = left.min(DATA_AT_ONCE);
        let zeros = usize::try_from(part).unwrap_or_default();
        let data = Some(Data { data: vec![0; zeros] });
        write(stream, Message { data, ..Message::default() }).await?;
        left -= part;
    }
    Ok(())
}

async fn receive<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Message> {
    Message::decode(read(stream, MAX_BYTES).await?.as_slice()).map_err(io::Error::other)
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, message: Message) -> io::Result<()> {
    stream.write_all(&message.encode_length_delimited_to_vec()).await?;
    stream.flush().await
}

/// The number that a server brings.
pub(super) async fn read_number<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<u64> {
    let bytes = read(stream, MAX_BACK_BYTES).await?;
    Ok(Back::decode(bytes.as_slice()).map_err(io::Error::other)?.number)
}

/// It was the right one.
pub(super) async fn confirm<S: AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    stream.write_all(&BackTaken {}.encode_length_delimited_to_vec()).await?;
    stream.close().await
}
