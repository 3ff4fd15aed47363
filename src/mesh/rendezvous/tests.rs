//! The bytes of the rendezvous protocol.

use super::{Answer, Codec, Discovered, MAX_REQUEST_BYTES, NAME, Request, Status};
use futures::io::Cursor;
use libp2p::request_response::Codec as _;
use proptest::prelude::*;
use prost::Message as _;

fn read(bytes: &[u8]) -> std::io::Result<Request> {
    futures::executor::block_on(Codec.read_request(&NAME, &mut Cursor::new(bytes)))
}

fn read_answer(bytes: &[u8]) -> std::io::Result<Answer> {
    futures::executor::block_on(Codec.read_response(&NAME, &mut Cursor::new(bytes)))
}

fn framed(message: &super::Message) -> Vec<u8> {
    message.encode_length_delimited_to_vec()
}

#[test]
fn requests_are_read() {
    let register = super::Message {
        kind: Some(0),
        register: Some(super::Register {
            ns: Some("dtim/a".into()),
            signed_peer_record: Some(vec![7; 300]),
            ttl: Some(60),
        }),
        ..Default::default()
    };
    let expected =
        Request::Register { namespace: "dtim/a".into(), record: vec![7; 300], ttl: Some(60) };
    assert_eq!(read(&framed(&register)).unwrap(), expected);

    let discover = super::Message {
        kind: Some(3),
        discover: Some(super::Discover { ns: None, limit: Some(5), cookie: Some(vec![1]) }),
        ..Default::default()
    };
    let expected = Request::Discover { namespace: None, limit: Some(5), cookie: Some(vec![1]) };
    assert_eq!(read(&framed(&discover)).unwrap(), expected);
}

#[test]
fn what_is_not_a_request_is_refused() {
    for kind in [None, Some(0), Some(1), Some(2), Some(3), Some(4), Some(99)] {
        let empty = super::Message { kind, ..Default::default() };
        assert!(read(&framed(&empty)).is_err(), "{kind:?}");
    }
    let too_long = [0xff, 0xff, 0x01];
    assert!(read(&too_long).is_err());
    let just_too_long = u16::try_from(MAX_REQUEST_BYTES + 1).unwrap();
    let [low, _] = just_too_long.to_le_bytes();
    let [high, _] = (just_too_long >> 7).to_le_bytes();
    let length = [low | 0x80, high];
    assert!(read(&[&length[..], &vec![0; MAX_REQUEST_BYTES + 1]].concat()).is_err());
}

#[test]
fn answers_are_as_the_specification_says() {
    assert_eq!(
        Answer::Registered(Ok(7200)).encode(),
        [0x09, 0x08, 0x01, 0x1a, 0x05, 0x08, 0x00, 0x18, 0xa0, 0x38]
    );
    let page = Discovered { namespace: "n".into(), records: vec![(vec![9], 5)], cookie: vec![1] };
    let bytes = Answer::Discovered(Ok(page)).encode();
    let answer = super::Message::decode_length_delimited(&bytes[..]).unwrap();
    let answer = answer.discover_response.unwrap();
    assert_eq!(answer.registrations[0].signed_peer_record.as_deref(), Some(&[9][..]));
    assert_eq!((answer.registrations[0].ttl, answer.cookie), (Some(5), Some(vec![1])));
    let refusal = Answer::Discovered(Err(Status::NotAuthorized)).encode();
    let refusal = super::Message::decode_length_delimited(&refusal[..]).unwrap();
    assert_eq!(refusal.discover_response.unwrap().status, Some(200));
}

#[test]
fn both_sides_understand_each_other() {
    let requests = [
        Request::Register { namespace: "n".into(), record: vec![7; 300], ttl: None },
        Request::Unregister { namespace: "n".into() },
        Request::Discover { namespace: Some("n".into()), limit: Some(1), cookie: Some(vec![1]) },
    ];
    for request in requests {
        assert_eq!(read(&request.clone().encode()).unwrap(), request);
        // What libp2p's client panics on.
        assert!(read_answer(&request.encode()).is_err());
    }
    let page =
        Discovered { namespace: "n".into(), records: vec![(vec![9; 20_000], 5)], cookie: vec![1] };
    let answers = [
        Answer::Registered(Ok(7200)),
        Answer::Registered(Err(Status::InvalidRecord)),
        Answer::Discovered(Ok(page)),
        Answer::Discovered(Err(Status::InvalidCookie)),
    ];
    for answer in answers {
        assert_eq!(read_answer(&answer.clone().encode()).unwrap(), answer);
        assert!(read(&answer.encode()).is_err());
    }
    assert!(read_answer(&[0xff, 0xff, 0x7f]).is_err(), "too long");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let (_, _) = (read(&bytes), read_answer(&bytes));
    }
}
