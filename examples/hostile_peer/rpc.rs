//! Gossipsub's messages (RPCs) as bytes, written and read by hand: nothing here
//! keeps to what an honest node would send.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::report::hex;

/// The fields of a message; `from`, `seqno`, `signature` and `key` are 1, 3, 5
/// and 6, and no message of DTIM may have them.
pub(crate) const DATA: u8 = 2;
pub(crate) const TOPIC: u8 = 4;

/// A field with bytes.
pub(crate) fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    bytes.extend(varint(value.len() as u64));
    bytes.extend(value);
    bytes
}

/// A field with a number.
pub(crate) fn number(number: u8, value: u64) -> Vec<u8> {
    let mut bytes = vec![number << 3];
    bytes.extend(varint(value));
    bytes
}

/// A number in groups of seven bits, lowest first.
pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// "I am (not) interested in this topic."
pub(crate) fn subscribe(topic: &str, on: bool) -> Vec<u8> {
    field(1, &[number(1, on.into()), field(2, topic.as_bytes())].concat())
}

/// A message that carries data.
pub(crate) fn publish(topic: &str, data: &[u8], more: &[u8]) -> Vec<u8> {
    field(2, &[&field(DATA, data)[..], &field(TOPIC, topic.as_bytes()), more].concat())
}

fn control(number: u8, body: &[u8]) -> Vec<u8> {
    field(3, &field(number, body))
}

/// "I have these."
pub(crate) fn ihave(topic: &str, ids: &[Vec<u8>]) -> Vec<u8> {
    let ids = ids.iter().flat_map(|id| field(2, id));
    control(1, &field(1, topic.as_bytes()).into_iter().chain(ids).collect::<Vec<_>>())
}

/// "Send me these."
pub(crate) fn iwant(ids: &[Vec<u8>]) -> Vec<u8> {
    control(2, &ids.iter().flat_map(|id| field(1, id)).collect::<Vec<_>>())
}

/// "Send me all that is new."
pub(crate) fn graft(topic: &str) -> Vec<u8> {
    control(3, &field(1, topic.as_bytes()))
}

/// "Stop sending me what is new", for so many seconds.
pub(crate) fn prune(topic: &str, backoff: u64) -> Vec<u8> {
    control(4, &[field(1, topic.as_bytes()), number(3, backoff)].concat())
}

/// "Do not send me these."
pub(crate) fn idontwant(ids: &[Vec<u8>]) -> Vec<u8> {
    control(5, &ids.iter().flat_map(|id| field(1, id)).collect::<Vec<_>>())
}

/// A frame: the length and the message.
pub(crate) fn frame(rpc: &[u8]) -> Vec<u8> {
    [varint(rpc.len() as u64), rpc.to_vec()].concat()
}

/// Takes a whole frame from what was read so far.
pub(crate) fn take_frame(buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let (length, rest) = read_varint(buffer)?;
    let frame = rest.get(..usize::try_from(length).ok()?)?.to_vec();
    let used = buffer.len() - rest.len() + frame.len();
    buffer.drain(..used);
    Some(frame)
}

/// A message as it came.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Which fields it has, in their order.
    pub(crate) fields: Vec<u8>,
    pub(crate) topic: String,
    pub(crate) data: Vec<u8>,
}

/// What the other side sent.
#[derive(Debug, Default)]
pub(crate) struct Rpc {
    /// Topics that it joined.
    pub(crate) joined: Vec<String>,
    pub(crate) messages: Vec<Message>,
    /// Control messages: how many ids, or how many of them.
    pub(crate) control: BTreeMap<&'static str, usize>,
    /// Field numbers that this program does not know.
    pub(crate) unknown: Vec<u8>,
}

/// Reads an RPC; `None` if it is no protobuf.
pub(crate) fn read(bytes: &[u8]) -> Option<Rpc> {
    let mut rpc = Rpc::default();
    for (number, body) in fields(bytes)? {
        match number {
            1 => {
                let parts = fields(&body)?;
                let on = parts.iter().any(|(number, value)| *number == 1 && *value == [1]);
                rpc.joined.extend(parts.iter().filter(|(number, _)| on && *number == 2).map(text));
            }
            2 => rpc.messages.push(read_message(&body)?),
            3 => read_control(&body, &mut rpc)?,
            other => rpc.unknown.push(other),
        }
    }
    Some(rpc)
}

fn text((_, value): &(u8, Vec<u8>)) -> String {
    String::from_utf8_lossy(value).into_owned()
}

fn read_message(bytes: &[u8]) -> Option<Message> {
    let parts = fields(bytes)?;
    let of = |wanted: u8| parts.iter().find(|(number, _)| *number == wanted);
    Some(Message {
        fields: parts.iter().map(|(number, _)| *number).collect(),
        topic: of(TOPIC).map(text).unwrap_or_default(),
        data: of(DATA).map(|(_, value)| value.clone()).unwrap_or_default(),
    })
}

fn read_control(bytes: &[u8], rpc: &mut Rpc) -> Option<()> {
    for (number, body) in fields(bytes)? {
        let parts = fields(&body)?;
        let ids = |wanted: u8| parts.iter().filter(|(number, _)| *number == wanted).count();
        let (name, count) = match number {
            1 => ("ihave", ids(2)),
            2 => ("iwant", ids(1)),
            3 => ("graft", 1),
            4 => ("prune", 1),
            5 => ("idontwant", ids(1)),
            _ => ("other", 1),
        };
        *rpc.control.entry(name).or_default() += count;
    }
    Some(())
}

/// The number in a field, if there is one.
pub(crate) fn number_in(fields: &[(u8, Vec<u8>)], wanted: u8) -> Option<u64> {
    let (_, value) = fields.iter().find(|(number, _)| *number == wanted)?;
    read_varint(value).map(|(value, _)| value)
}

/// The fields of a protobuf message: number and bytes; a number as its varint.
pub(crate) fn fields(mut bytes: &[u8]) -> Option<Vec<(u8, Vec<u8>)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (tag, rest) = read_varint(bytes)?;
        let number = u8::try_from(tag >> 3).ok()?;
        let (value, rest) = match tag & 7 {
            0 => {
                let (value, rest) = read_varint(rest)?;
                (varint(value), rest)
            }
            1 => (rest.get(..8)?.to_vec(), rest.get(8..)?),
            2 => {
                let (length, rest) = read_varint(rest)?;
                let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                (value.to_vec(), rest)
            }
            5 => (rest.get(..4)?.to_vec(), rest.get(4..)?),
            _ => return None,
        };
        found.push((number, value));
        bytes = rest;
    }
    Some(found)
}

fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let last = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)?;
    let (number, rest) = bytes.split_at_checked(last + 1)?;
    let value = number.iter().rev().fold(0_u64, |sum, byte| sum << 7 | u64::from(byte & 0x7f));
    Some((value, rest))
}

/// A received RPC for the report.
pub(crate) fn describe(victim: usize, rpc: &Rpc) -> Json {
    let messages: Vec<Json> = rpc
        .messages
        .iter()
        .map(|message| {
            let content = dtim::model::ContentId::of(&message.data).to_string();
            json!({
                "fields": message.fields,
                "topic": message.topic,
                "content": content,
                "data": hex(&message.data),
            })
        })
        .collect();
    json!({
        "event": "rpc",
        "victim": victim,
        "joined": rpc.joined,
        "messages": messages,
        "control": rpc.control,
        "unknown": rpc.unknown,
    })
}
