//! Tokens: what the operator gives to an organisation's own clients.
//!
//! A token is shown once, when it is made. Here and in the store there is only its hash.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use super::{Node, NodeError, clock};
use crate::model::{MINUTE, Role};
use crate::privacy::tlp::ClientScope;
use crate::store::{Change, Store, StoreError, TokenRecord};

/// Tokens at most.
const MAX_TOKENS: usize = 1000;
/// The longest name of a token.
const MAX_NAME_BYTES: usize = 64;
/// How exactly the last use is kept, in seconds: each time is a write.
const USED_EVERY: u64 = 10 * MINUTE;
/// How every token begins, so that one that was published by mistake can be found.
const PREFIX: &str = "dtim_";

/// The tokens, by their hashes.
#[derive(Debug)]
pub(super) struct Tokens(Mutex<BTreeMap<[u8; 32], TokenRecord>>);

impl Tokens {
    /// What the store has.
    pub(super) fn load(store: &Store) -> Result<Self, StoreError> {
        let all = store.tokens()?.into_iter().map(|token| (token.hash, token));
        Ok(Self(Mutex::new(all.collect())))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], TokenRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The operator's name for it.
    pub name: String,
    /// How much it shows.
    pub scope: ClientScope,
    /// What its bearer may do.
    pub role: Role,
    /// What counts of what its bearer hands in, 0 to 1.
    pub trust: f64,
}

impl Node {
    /// Makes a token and gives it, this once.
    pub async fn create_token(&self, new: NewToken) -> Result<(String, TokenRecord), NodeError> {
        let named = (1..=MAX_NAME_BYTES).contains(&new.name.len())
            && new.name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if !named {
            let what = "use 1 to 64 letters, digits, dots, underscores and hyphens as a name";
            return Err(NodeError::Request(what.to_owned()));
        }
        if !(0.0..=1.0).contains(&new.trust) {
            return Err(NodeError::Request("trust is a number from 0 to 1".to_owned()));
        }
        let token = format!("{PREFIX}{}", BASE64URL.encode(rand::random::<[u8; 32]>()));
        let record = TokenRecord {
            hash: hash(&token),
            name: new.name,
            scope: new.scope,
            role: new.role,
            trust: new.trust,
            created: clock::now(),
            used: None,
        };
        {
            let mut tokens = self.inner.tokens.lock();
            if tokens.values().any(|token| token.name == record.name) {
                let what = format!("there is a token {:?}: revoke it first", record.name);
                return Err(NodeError::Request(what));
            }
            if tokens.len() >= MAX_TOKENS {
                let what = format!("there are {MAX_TOKENS} tokens: revoke some first");
                return Err(NodeError::Request(what));
            }
            tokens.insert(record.hash, record.clone());
        }
        if let Err(error) = self.write(vec![Change::Token(record.clone())]).await {
            self.inner.tokens.lock().remove(&record.hash);
            return Err(error);
        }
        tracing::info!(name = record.name, scope = %record.scope, role = %record.role, "token made");
        Ok((token, record))
    }

    /// The tokens, by their names.
    pub fn tokens(&self) -> Vec<TokenRecord> {
        let mut all: Vec<TokenRecord> = self.inner.tokens.lock().values().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Makes a token worth nothing, at once.
    pub async fn revoke_token(&self, name: &str) -> Result<TokenRecord, NodeError> {
        let record = {
            let mut tokens = self.inner.tokens.lock();
            let found = tokens.values().find(|token| token.name == name).map(|token| token.hash);
            let record = found.and_then(|hash| tokens.remove(&hash));
            record.ok_or_else(|| NodeError::NotFound(format!("there is no token {name:?}")))?
        };
        self.write(vec![Change::ForgetToken(record.hash)]).await?;
        tracing::info!(name = record.name, "token revoked");
        Ok(record)
    }

    /// What a token is, if there is such a one, and notes that it was used.
    pub fn bearer(&self, token: &str) -> Option<TokenRecord> {
        if !token.starts_with(PREFIX) {
            return None;
        }
        let now = clock::now();
        let mut tokens = self.inner.tokens.lock();
        let record = tokens.get_mut(&hash(token))?;
        if record.used.is_none_or(|used| now.since(used) >= USED_EVERY) {
            record.used = Some(now);
            // Of no weight: if the writer is busy, the next use is noted.
            drop(self.inner.store.try_write(vec![Change::Token(record.clone())]));
        }
        Some(record.clone())
    }
}

fn hash(token: &str) -> [u8; 32] {
    blake3::derive_key("dtim 2026 token", token.as_bytes())
}
