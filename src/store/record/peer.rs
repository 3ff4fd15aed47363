//! What is known of a peer.

use multiaddr::Multiaddr;
use serde::{Deserialize, Serialize};

use super::{Blob, Record};
use crate::model::{NodeId, Timestamp};
use crate::store::family::Family;
use crate::store::{PeerRecord, Standing};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct PeerForm {
    node: Blob,
    standing: String,
    name: String,
    organisation: String,
    trust: f64,
    attest: bool,
    level: Option<String>,
    addresses: Vec<Blob>,
    since: u64,
    seen: Option<u64>,
}

impl Record for PeerRecord {
    const FAMILY: Family = Family::Peers;
    const VERSION: u8 = 1;
    type Form = PeerForm;

    fn to_form(&self) -> PeerForm {
        PeerForm {
            node: self.node.public_key().into(),
            standing: match self.standing {
                Standing::Candidate => "candidate",
                Standing::Approved => "approved",
                Standing::Revoked => "revoked",
            }
            .to_owned(),
            name: self.name.clone(),
            organisation: self.organisation.clone(),
            trust: self.trust,
            attest: self.attest,
            level: self.level.map(|level| level.name().to_owned()),
            addresses: self.addresses.iter().map(|address| Blob(address.to_vec())).collect(),
            since: self.since.seconds(),
            seen: self.seen.map(Timestamp::seconds),
        }
    }

    fn from_form(form: PeerForm) -> Option<Self> {
        Some(Self {
            node: NodeId::from_public_key(form.node.array()?),
            standing: match form.standing.as_str() {
                "candidate" => Standing::Candidate,
                "approved" => Standing::Approved,
                "revoked" => Standing::Revoked,
                _ => return None,
            },
            name: form.name,
            organisation: form.organisation,
            trust: form.trust,
            attest: form.attest,
            level: match form.level {
                None => None,
                Some(name) => Some(name.parse().ok()?),
            },
            addresses: form
                .addresses
                .into_iter()
                .map(|address| Multiaddr::try_from(address.0).ok())
                .collect::<Option<_>>()?,
            since: Timestamp(form.since),
            seen: form.seen.map(Timestamp),
        })
    }
}
