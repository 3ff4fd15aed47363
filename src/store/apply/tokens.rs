//! Tokens of clients.

use super::{Applied, Draft};
use crate::model::Timestamp;
use crate::store::family;
use crate::store::who::{MAX_TOKENS, TokenRecord};
use crate::store::{Refused, StoreError};

impl Draft<'_> {
    pub(super) fn token(&mut self, token: &TokenRecord) -> Result<Applied, StoreError> {
        let all = self.tokens.under(self.db, &[])?;
        if all.iter().any(|other| other.name == token.name) {
            return Ok(Applied::Refused(Refused::NameTaken));
        }
        if all.len() >= MAX_TOKENS {
            return Ok(Applied::Refused(Refused::TooMany));
        }
        self.tokens.put(&family::token(&self.db.sealer, &token.hash), token.clone());
        Ok(Applied::New)
    }

    pub(super) fn token_used(
        &mut self,
        hash: &[u8; 32],
        at: Timestamp,
    ) -> Result<Applied, StoreError> {
        let key = family::token(&self.db.sealer, hash);
        // It may have been revoked meanwhile.
        if let Some(token) = self.tokens.read(self.db, &key)? {
            self.tokens.put(&key, TokenRecord { used: Some(at), ..token });
        }
        Ok(Applied::Updated)
    }

    pub(super) fn forget_token(&mut self, name: &str) -> Result<Applied, StoreError> {
        let all = self.tokens.under(self.db, &[])?;
        let Some(token) = all.iter().find(|token| token.name == name) else {
            return Ok(Applied::Refused(Refused::NoToken));
        };
        self.tokens.delete(&family::token(&self.db.sealer, &token.hash));
        Ok(Applied::Updated)
    }
}
