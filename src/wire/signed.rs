//! The envelope: payload, pseudonym and signature, made by `sign`, judged by `verify`.

use std::ops::Deref;

use serde_cbor::Value as Cbor;

use super::{MAX_CLAIM_BYTES, Path, Refusal, cbor, claim};
use crate::keys::{self, PseudonymKey};
use crate::model::{Claim, Community, ContentId, Pseudonym, Revision, Timestamp};
use crate::privacy::Shareable;
use crate::{ageing, hygiene};

/// Separates this signature from every other one.
const CLAIM_DOMAIN: &[u8] = b"dtim claim 1";

/// A claim and the bytes that carry it. They are kept as they are; nothing is
/// ever encoded a second time.
#[derive(Clone, Debug, PartialEq)]
pub struct SignedClaim {
    claim: Claim,
    pseudonym: Pseudonym,
    content: ContentId,
    bytes: Vec<u8>,
}

impl SignedClaim {
    /// What it says.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The key that signed it.
    pub fn pseudonym(&self) -> Pseudonym {
        self.pseudonym
    }

    /// The id of its bytes.
    pub fn content(&self) -> ContentId {
        self.content
    }

    /// What crosses the network.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, for who keeps them.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// A signed claim that came from elsewhere and passed [`verify`], the only maker.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified(SignedClaim);

impl Verified {
    /// Whether it may be taken at this time. No verdict on whoever sent it:
    /// clocks differ.
    pub fn timely(&self, now: Timestamp) -> Result<(), Refusal> {
        Ok(ageing::timely(&self.claim, now)?)
    }
}

impl Deref for Verified {
    type Target = SignedClaim;

    fn deref(&self) -> &SignedClaim {
        &self.0
    }
}

/// Signs what the privacy filter let through.
///
/// Refuses what every receiver would refuse, so that a mistake on this side is
/// never charged to the members that pass it on.
pub fn sign(
    shareable: Shareable,
    key: &PseudonymKey,
    community: &Community,
    revision: Revision,
) -> Result<SignedClaim, Refusal> {
    sign_claim(&Claim { revision, ..shareable.claim().clone() }, key, community)
}

/// Signs any claim: the privacy filter stands before this, except in tests.
pub(crate) fn sign_claim(
    claim: &Claim,
    key: &PseudonymKey,
    community: &Community,
) -> Result<SignedClaim, Refusal> {
    let payload = claim::encode(claim)?;
    let signature = key.sign(&signed_parts(community, &payload));
    let envelope = Cbor::Array(vec![
        Cbor::Bytes(payload),
        Cbor::Bytes(key.pseudonym().as_bytes().to_vec()),
        Cbor::Bytes(signature.to_vec()),
    ]);
    let bytes =
        serde_cbor::to_vec(&envelope).map_err(|_| Refusal::Malformed { field: "signed claim" })?;
    let (signed, _) = open(&bytes)?;
    hygiene::fixed(&signed.claim.value)?;
    Ok(signed)
}

/// The one judge of what comes in: size, strict CBOR, fields, signature, marking
/// on this path, fixed rules. Every node comes to the same answer from the same
/// bytes; time, quota and load are judged elsewhere.
pub fn verify(bytes: &[u8], community: &Community, path: Path) -> Result<Verified, Refusal> {
    let (signed, envelope) = open(bytes)?;
    let message = signed_parts(community, &envelope.payload);
    if !keys::verify(&signed.pseudonym, &message, &envelope.signature) {
        return Err(Refusal::Signature);
    }
    if !path.carries(signed.claim.tlp) {
        return Err(Refusal::Tlp(signed.claim.tlp));
    }
    hygiene::fixed(&signed.claim.value)?;
    Ok(Verified(signed))
}

/// Reads what the store kept: it was verified before it was stored, so its
/// signature is not checked again.
pub fn reopen(bytes: &[u8]) -> Result<(Claim, Pseudonym, ContentId), Refusal> {
    let (signed, _) = open(bytes)?;
    Ok((signed.claim, signed.pseudonym, signed.content))
}

struct Envelope {
    payload: Vec<u8>,
    signature: [u8; 64],
}

fn open(bytes: &[u8]) -> Result<(SignedClaim, Envelope), Refusal> {
    if bytes.len() > MAX_CLAIM_BYTES {
        return Err(Refusal::TooLarge);
    }
    cbor::strict(bytes)?;
    let wrong = |field| Refusal::Malformed { field };
    let Ok(Cbor::Array(parts)) = serde_cbor::from_slice(bytes) else {
        return Err(wrong("signed claim"));
    };
    let parts: [Cbor; 3] = parts.try_into().map_err(|_| wrong("signed claim"))?;
    let [Cbor::Bytes(payload), Cbor::Bytes(pseudonym), Cbor::Bytes(signature)] = parts else {
        return Err(wrong("signed claim"));
    };
    let pseudonym = Pseudonym(pseudonym.try_into().map_err(|_| wrong("pseudonym"))?);
    let signature = signature.try_into().map_err(|_| wrong("signature"))?;
    let claim = claim::decode(&payload)?;
    let content = ContentId::of(bytes);
    let signed = SignedClaim { claim, pseudonym, content, bytes: bytes.to_vec() };
    Ok((signed, Envelope { payload, signature }))
}

fn signed_parts(community: &Community, payload: &[u8]) -> Vec<u8> {
    keys::length_prefixed(&[CLAIM_DOMAIN, community.as_str().as_bytes(), payload])
}
