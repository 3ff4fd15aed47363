//! Tokens of clients: never the token, only its hash.

use super::{Store, StoreError};
use crate::model::{Role, Timestamp};
use crate::privacy::tlp::ClientScope;

/// What is kept of a token.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenRecord {
    /// The operator's name for it.
    pub name: String,
    /// BLAKE3 of it. A token has 256 random bits, so it needs no slow hash.
    pub hash: [u8; 32],
    /// How much it shows.
    pub scope: ClientScope,
    /// What its bearer may do.
    pub role: Role,
    /// What counts of what its bearer hands in, 0 to 1.
    pub trust: f64,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last used, to about ten minutes.
    pub used: Option<Timestamp>,
}

impl Store {
    /// The tokens. Damaged records are left out and counted: who has one must be given
    /// another.
    pub fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError> {
        self.db().sound_records()?.map(|record| record.map(|(_, token)| token)).collect()
    }
}
