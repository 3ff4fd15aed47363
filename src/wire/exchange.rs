//! What two members say to each other outside gossip (`proto/exchange.cddl`):
//! questions and answers of bounded size, in deterministic CBOR.

use serde_cbor::Value as Cbor;

use super::{NotStrict, cbor};
use crate::model::{ContentId, Day, IndicatorId};

/// The longest question and the longest answer, in bytes.
pub const MAX_EXCHANGE_BYTES: usize = 64 * 1024;
/// The most claims that one question asks for.
pub const MAX_FETCH: usize = 1000;
/// The most indicators in one attestation.
pub const MAX_ATTESTED: usize = 1000;
/// Bytes that a fetched claim takes besides its own.
const CLAIM_HEAD: usize = 3;
/// Bytes of an answer to a fetch besides the claims.
const FETCHED_HEAD: usize = 16;

/// A question of `/dtim/sync/1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncAsk {
    /// Compare what ends on this day or later (`crate::reconcile`).
    Compare {
        /// The first day on which a claim that takes part ends.
        from: Day,
        /// The message of the comparison.
        message: Vec<u8>,
    },
    /// Give me these claims.
    Fetch(Vec<ContentId>),
    /// I have something new: compare with me soon.
    News,
}

/// An answer of `/dtim/sync/1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncAnswer {
    /// The other half of a comparison. With a later day and no message: begin again from there.
    Compare {
        /// From which day on was compared.
        from: Day,
        /// The message of the comparison.
        message: Vec<u8>,
    },
    /// Claims as they were received, in the order in which they were asked for.
    Fetched {
        /// How many of the ids asked for were looked at: for the rest was no room.
        served: usize,
        /// The claims that were there.
        claims: Vec<Vec<u8>>,
    },
    /// It is noted.
    News,
}

/// A question of `/dtim/deliver/1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliverAsk {
    /// A claim for you alone.
    Claim(Vec<u8>),
    /// I saw these myself.
    Attest(Vec<IndicatorId>),
}

/// An answer of `/dtim/deliver/1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliverAnswer {
    /// What came of the claim.
    Claim(Outcome),
    /// The attestation is noted.
    Attest,
}

/// What came of a delivered claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is on the receiver's disk.
    Stored,
    /// It will never be taken.
    Refused,
    /// Try again later.
    NotNow,
}

impl SyncAsk {
    /// As it crosses the network.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Compare { from, message } => compare(*from, message),
            Self::Fetch(ids) => message(1, [list(ids.iter().map(|id| id.0.to_vec()))]),
            Self::News => message(2, []),
        }
    }

    /// What came, or why it is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadExchange> {
        match parts(bytes)?.as_slice() {
            [Cbor::Integer(0), from, Cbor::Bytes(message)] => {
                Ok(Self::Compare { from: day(from)?, message: message.clone() })
            }
            [Cbor::Integer(1), Cbor::Array(ids)] => Ok(Self::Fetch(read_ids(ids, MAX_FETCH)?)),
            [Cbor::Integer(2)] => Ok(Self::News),
            _ => Err(BadExchange::Malformed),
        }
    }
}

impl SyncAnswer {
    /// As it crosses the network.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Compare { from, message } => compare(*from, message),
            Self::Fetched { served, claims } => {
                let served = Cbor::Integer(i128::try_from(*served).unwrap_or(i128::MAX));
                message(1, [served, list(claims.iter().cloned())])
            }
            Self::News => message(2, []),
        }
    }

    /// What came, or why it is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadExchange> {
        match parts(bytes)?.as_slice() {
            [Cbor::Integer(0), from, Cbor::Bytes(message)] => {
                Ok(Self::Compare { from: day(from)?, message: message.clone() })
            }
            [Cbor::Integer(1), Cbor::Integer(served), Cbor::Array(claims)] => {
                let served = usize::try_from(*served).map_err(|_| BadExchange::Malformed)?;
                let claims: Vec<Vec<u8>> = claims.iter().map(bytes_of).collect::<Result<_, _>>()?;
                if served > MAX_FETCH || claims.len() > served {
                    return Err(BadExchange::Malformed);
                }
                Ok(Self::Fetched { served, claims })
            }
            [Cbor::Integer(2)] => Ok(Self::News),
            _ => Err(BadExchange::Malformed),
        }
    }
}

/// Puts claims into one answer for as long as there is room.
#[derive(Debug)]
pub struct Packing {
    left: usize,
    served: usize,
    claims: Vec<Vec<u8>>,
}

impl Default for Packing {
    fn default() -> Self {
        Self { left: MAX_EXCHANGE_BYTES - FETCHED_HEAD, served: 0, claims: Vec::new() }
    }
}

impl Packing {
    /// Serves the next id; `None` is a claim that is not there. False if there
    /// was no room for it: the answer is full.
    pub fn serve(&mut self, claim: Option<Vec<u8>>) -> bool {
        let needed = claim.as_ref().map_or(0, |claim| claim.len() + CLAIM_HEAD);
        let Some(left) = self.left.checked_sub(needed) else { return false };
        self.left = left;
        self.served += 1;
        self.claims.extend(claim);
        true
    }

    /// The answer.
    pub fn into_answer(self) -> SyncAnswer {
        SyncAnswer::Fetched { served: self.served, claims: self.claims }
    }
}

impl DeliverAsk {
    /// As it crosses the network.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Claim(claim) => message(0, [Cbor::Bytes(claim.clone())]),
            Self::Attest(ids) => message(1, [list(ids.iter().map(|id| id.0.to_vec()))]),
        }
    }

    /// What came, or why it is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadExchange> {
        match parts(bytes)?.as_slice() {
            [Cbor::Integer(0), Cbor::Bytes(claim)] => Ok(Self::Claim(claim.clone())),
            [Cbor::Integer(1), Cbor::Array(ids)] if ids.len() <= MAX_ATTESTED => {
                let ids = ids.iter().map(|id| array(&bytes_of(id)?).map(IndicatorId));
                Ok(Self::Attest(ids.collect::<Result<_, _>>()?))
            }
            _ => Err(BadExchange::Malformed),
        }
    }
}

impl DeliverAnswer {
    /// As it crosses the network.
    pub fn encode(self) -> Vec<u8> {
        match self {
            Self::Claim(outcome) => {
                let outcome = match outcome {
                    Outcome::Stored => 0,
                    Outcome::Refused => 1,
                    Outcome::NotNow => 2,
                };
                message(0, [Cbor::Integer(outcome)])
            }
            Self::Attest => message(1, []),
        }
    }

    /// What came, or why it is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadExchange> {
        match parts(bytes)?.as_slice() {
            [Cbor::Integer(0), Cbor::Integer(0)] => Ok(Self::Claim(Outcome::Stored)),
            [Cbor::Integer(0), Cbor::Integer(1)] => Ok(Self::Claim(Outcome::Refused)),
            [Cbor::Integer(0), Cbor::Integer(2)] => Ok(Self::Claim(Outcome::NotNow)),
            [Cbor::Integer(1)] => Ok(Self::Attest),
            _ => Err(BadExchange::Malformed),
        }
    }
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadExchange {
    /// More bytes than a message may have.
    #[error("the message is longer than {MAX_EXCHANGE_BYTES} bytes")]
    TooLong,
    /// Not deterministic CBOR.
    #[error("the message is not deterministic CBOR: {0}")]
    Cbor(#[from] NotStrict),
    /// Strict CBOR, but no message.
    #[error("the message does not fit its schema")]
    Malformed,
}

fn compare(from: Day, comparison: &[u8]) -> Vec<u8> {
    message(0, [Cbor::from(from.0), Cbor::Bytes(comparison.to_vec())])
}

fn message<const N: usize>(number: i128, parts: [Cbor; N]) -> Vec<u8> {
    let parts = std::iter::once(Cbor::Integer(number)).chain(parts).collect();
    // Integers, byte strings and arrays in memory: there is nothing to fail.
    serde_cbor::to_vec(&Cbor::Array(parts)).unwrap_or_default()
}

fn list(items: impl Iterator<Item = Vec<u8>>) -> Cbor {
    Cbor::Array(items.map(Cbor::Bytes).collect())
}

fn parts(bytes: &[u8]) -> Result<Vec<Cbor>, BadExchange> {
    if bytes.len() > MAX_EXCHANGE_BYTES {
        return Err(BadExchange::TooLong);
    }
    cbor::strict(bytes)?;
    match serde_cbor::from_slice(bytes) {
        Ok(Cbor::Array(parts)) => Ok(parts),
        _ => Err(BadExchange::Malformed),
    }
}

fn day(value: &Cbor) -> Result<Day, BadExchange> {
    let Cbor::Integer(day) = value else { return Err(BadExchange::Malformed) };
    u32::try_from(*day).map(Day).map_err(|_| BadExchange::Malformed)
}

fn read_ids(ids: &[Cbor], most: usize) -> Result<Vec<ContentId>, BadExchange> {
    if ids.len() > most {
        return Err(BadExchange::Malformed);
    }
    ids.iter().map(|id| Ok(ContentId(array(&bytes_of(id)?)?))).collect()
}

fn bytes_of(value: &Cbor) -> Result<Vec<u8>, BadExchange> {
    if let Cbor::Bytes(bytes) = value { Ok(bytes.clone()) } else { Err(BadExchange::Malformed) }
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], BadExchange> {
    bytes.try_into().map_err(|_| BadExchange::Malformed)
}
