//! Ed25519 (RFC 8032): the identity, the pseudonyms and the check of a signature.

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::length_prefixed;
use crate::model::{Audience, Community, Generation, IndicatorId, NodeId, Pseudonym};

/// Separates this derivation from every other use of the secret.
const PSEUDONYM_DOMAIN: &[u8] = b"dtim pseudonym 1";
/// And this one.
const VIEW_DOMAIN: &[u8] = b"dtim view 1";
/// The audience of what the whole community may read.
const MESH_AUDIENCE: &[u8] = b"mesh";

/// The key that says which node this is. It authenticates connections and is
/// never used on a claim.
#[derive(Clone)]
pub struct Identity(SigningKey);

impl Identity {
    /// The identity with this Ed25519 seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// The seed, for the library that holds the connections.
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The public part.
    pub fn node_id(&self) -> NodeId {
        NodeId::from_public_key(self.0.verifying_key().to_bytes())
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// Shows the public part only.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.node_id())
    }
}

/// The secret from which every pseudonym of this node is derived.
#[derive(Clone)]
pub struct PseudonymSecret(Zeroizing<[u8; 32]>);

impl PseudonymSecret {
    /// The secret with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key that speaks about one indicator to one audience.
    ///
    /// HKDF-SHA256 (RFC 5869) without salt; the info is the length-prefixed
    /// domain, community, indicator id, audience and generation; the output is
    /// the Ed25519 seed. Without the secret nobody can tell that two pseudonyms
    /// belong together.
    pub fn derive(
        &self,
        community: &Community,
        indicator: IndicatorId,
        audience: Audience,
        generation: Generation,
    ) -> PseudonymKey {
        let audience = match audience {
            Audience::Mesh => MESH_AUDIENCE.to_vec(),
            Audience::Peer(node) => node.to_peer_id_bytes(),
        };
        let info = length_prefixed(&[
            PSEUDONYM_DOMAIN,
            community.as_str().as_bytes(),
            indicator.as_bytes(),
            &audience,
            &generation.to_be_bytes(),
        ]);
        PseudonymKey(SigningKey::from_bytes(&self.expand(&info)))
    }

    /// The secret that the ids of one view are made with: HKDF-SHA256 without salt, the info
    /// is the length-prefixed domain, community and the view's name. Nobody can tell that two
    /// views are of one node.
    pub fn view(&self, community: &Community, view: &str) -> Zeroizing<[u8; 32]> {
        let parts = [VIEW_DOMAIN, community.as_str().as_bytes(), view.as_bytes()];
        self.expand(&length_prefixed(&parts))
    }

    fn expand(&self, info: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut output = Zeroizing::new([0; 32]);
        #[allow(clippy::expect_used)] // 32 bytes are one block; RFC 5869 gives up to 255
        Hkdf::<Sha256>::new(None, self.0.as_slice())
            .expand(info, output.as_mut_slice())
            .expect("HKDF-SHA256 gives 32 bytes");
        output
    }
}

/// Shows nothing.
impl fmt::Debug for PseudonymSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymSecret(..)")
    }
}

/// The key of one pseudonym.
#[derive(Clone)]
pub struct PseudonymKey(SigningKey);

impl PseudonymKey {
    /// The public part, which stands in the claim.
    pub fn pseudonym(&self) -> Pseudonym {
        Pseudonym(self.0.verifying_key().to_bytes())
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// Shows the public part only.
impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PseudonymKey({})", self.pseudonym())
    }
}

/// Whether the pseudonym signed the message.
///
/// Checked strictly: keys and signatures of small order are refused, because
/// they would verify for more than one message, and nodes could disagree.
pub fn verify(pseudonym: &Pseudonym, message: &[u8], signature: &[u8; 64]) -> bool {
    verify_strictly(pseudonym.as_bytes(), message, signature)
}

/// Whether the node signed the message, as strictly as [`verify`].
pub fn verify_node(node: &NodeId, message: &[u8], signature: &[u8; 64]) -> bool {
    verify_strictly(node.public_key(), message, signature)
}

fn verify_strictly(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| {
        !key.is_weak() && key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    })
}
