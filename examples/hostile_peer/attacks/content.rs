//! Attacks by what a message says: rubbish, and marks that could name somebody.

use std::ops::Range;

use clap::ValueEnum;
use dtim::keys::{PseudonymKey, length_prefixed};
use serde_cbor::Value as Cbor;

use super::sent;
use crate::claims::{self, Draft, Signer, now};
use crate::session::Session;
use crate::{Problem, Stage, rpc};

/// What is wrong with a claim. All but the last three every node refuses alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Defect {
    /// One bit of the signature is flipped
    Signature,
    /// Signed for another community
    OtherCommunity,
    /// A key and a signature of small order, which a lax check takes
    WeakKey,
    /// No value
    Schema,
    /// A field that nobody knows
    UnknownField,
    /// Another version
    Version,
    /// 4,097 bytes
    Size,
    /// 20,000 bytes
    Huge,
    /// Nothing but noise
    Noise,
    /// A length that is not definite
    Indefinite,
    /// Map keys in another order
    Order,
    /// A map key twice
    Duplicate,
    /// A number longer than it must be
    Longer,
    /// A tag
    Tag,
    /// Bytes behind the end
    Trailing,
    /// Nested too deep
    Depth,
    /// The value in another spelling
    Spelling,
    /// A private address
    Unfit,
    /// Marked amber
    Amber,
    /// Marked red
    Red,
    /// Marked with a word that is no marking
    UnknownMarking,
    /// Marked in capital letters
    CapitalMarking,
    /// A retraction that tells more
    TalkativeRetraction,
    /// A time an hour ahead; the clocks may differ
    Future,
    /// Ends after its kind may
    EndsTooLate,
    /// Has ended
    Ended,
}

/// Publishes claims with a defect, to every victim.
pub(crate) async fn rubbish(
    stage: &Stage,
    defect: Defect,
    numbers: Range<u32>,
) -> Result<Vec<Session>, Problem> {
    let mut sessions = stage.join().await?;
    let made: Vec<Vec<u8>> =
        numbers.map(|number| with_defect(&stage.signer, defect, number)).collect();
    for session in &mut sessions {
        let count = session.publish_all(&made).await;
        sent("rubbish", count);
    }
    Ok(sessions)
}

fn with_defect(signer: &Signer, defect: Defect, number: u32) -> Vec<u8> {
    let right = Draft::plain(number);
    let key = signer.pseudonym(&right.value(), 0);
    let today = now() / 86_400;
    let draft = match defect {
        Defect::Schema => right.without(2).revision(number.into()),
        Defect::UnknownField => right.number(20, 1),
        Defect::Version => right.number(0, 2),
        Defect::Size => padded(right, signer, 4_097),
        Defect::Huge => right.with(32, Cbor::Bytes(vec![0; 20_000])),
        Defect::Depth => right.with(11, nested(20)),
        Defect::Spelling => {
            let spelt = format!(" {} ", right.value().replace('.', "[.]"));
            right.with(2, Cbor::Text(spelt))
        }
        Defect::Unfit => Draft::about("ip", &format!("10.0.{}.{}", number / 256, number % 256)),
        Defect::Amber => right.tlp("amber"),
        Defect::Red => right.tlp("red"),
        Defect::UnknownMarking => right.tlp("purple"),
        Defect::CapitalMarking => right.tlp("GREEN"),
        Defect::TalkativeRetraction => right.with(12, Cbor::Bool(true)),
        Defect::Future => right.number(8, now() + 3_600),
        Defect::EndsTooLate => right.number(4, today + 400),
        Defect::Ended => right.number(4, today),
        other => return by_bytes(signer, other, &right, &key),
    };
    signer.sign(&draft)
}

/// Defects that are none of the fields but of the bytes.
fn by_bytes(signer: &Signer, defect: Defect, right: &Draft, key: &PseudonymKey) -> Vec<u8> {
    let payload = right.payload();
    let [_, pseudonym, signature] = claims::open(&signer.sign(right)).unwrap_or_default();
    let sealed = |payload: Vec<u8>| signer.seal(&payload, key);
    match defect {
        Defect::OtherCommunity => {
            let parts = length_prefixed(&[b"dtim claim 1", b"somewhere-else", &payload]);
            claims::envelope(&payload, &pseudonym, &key.sign(&parts))
        }
        // The neutral point as key and as R, and s = 0: it "verifies" for every message.
        Defect::WeakKey => {
            let neutral = [vec![1], vec![0; 31]].concat();
            claims::envelope(&payload, &neutral, &[neutral.clone(), vec![0; 32]].concat())
        }
        Defect::Noise => blake3::hash(&payload).as_bytes().to_vec(),
        // An indefinite map: 0xbf … 0xff.
        Defect::Indefinite => sealed([&[0xbf], &payload[1..], &[0xff]].concat()),
        Defect::Order => {
            // Version and kind change places: `00 01` and `01 62 69 70`.
            let swapped = [&payload[..1], &payload[3..7], &payload[1..3], &payload[7..]].concat();
            sealed(swapped)
        }
        Defect::Duplicate => {
            sealed([&[payload[0] + 1][..], &payload[1..3], &payload[1..]].concat())
        }
        // The version 1 in two bytes.
        Defect::Longer => sealed([&payload[..2], &[0x18, 0x01], &payload[3..]].concat()),
        Defect::Tag => sealed([&[0xc1], &payload[..]].concat()),
        Defect::Trailing => [signer.sign(right), vec![0]].concat(),
        _ => {
            let mut flipped = signature;
            flipped[0] ^= 1;
            claims::envelope(&payload, &pseudonym, &flipped)
        }
    }
}

fn nested(depth: usize) -> Cbor {
    let inner = (0..depth).fold(Cbor::Null, |inner, _| Cbor::Array(vec![inner]));
    Cbor::Map([(Cbor::Text("a".to_owned()), inner)].into())
}

/// A custom field that makes the signed claim exactly so long.
fn padded(draft: Draft, signer: &Signer, length: usize) -> Draft {
    let with = |filler: usize| {
        let field = [(Cbor::Text("a".to_owned()), Cbor::Bytes(vec![0; filler]))];
        draft.clone().with(11, Cbor::Map(field.into()))
    };
    let missing = length - signer.sign(&with(3_000)).len();
    with(3_000 + missing)
}

/// A field that a message of DTIM must not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mark {
    /// An author
    From,
    /// A sequence number
    Seqno,
    /// A signature
    Signature,
    /// A key
    Key,
}

/// Publishes right claims with such a field.
pub(crate) async fn marked(stage: &Stage, mark: Mark, count: u32) -> Result<Vec<Session>, Problem> {
    let mut sessions = stage.join().await?;
    let number = match mark {
        Mark::From => 1,
        Mark::Seqno => 3,
        Mark::Signature => 5,
        Mark::Key => 6,
    };
    let more = rpc::field(number, b"somebody");
    let topic = stage.signer.topic();
    let made: Vec<Vec<u8>> = (0..count)
        .map(|number| rpc::publish(&topic, &stage.signer.sign(&Draft::plain(number)), &more))
        .collect();
    for session in &mut sessions {
        let count = session.send_all(made.clone()).await;
        sent("marked", count);
    }
    Ok(sessions)
}
