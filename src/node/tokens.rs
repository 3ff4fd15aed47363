//! Tokens of clients: made here, shown once, kept as hashes.

use std::collections::HashMap;
use std::sync::PoisonError;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use super::{Node, NodeError, clock};
use crate::model::{ClientRole, MINUTE, Timestamp};
use crate::privacy::tlp::ClientScope;
use crate::store::{Applied, Change, MAX_TOKENS, Refused, TokenRecord};

/// With which every token begins, so that scanners find one that leaked.
const PREFIX: &str = "dtim_";
/// Random bytes of a token.
const SECRET_BYTES: usize = 32;
/// The longest name, in bytes.
const MAX_NAME_BYTES: usize = 64;

impl Node {
    /// Makes a token. The secret is in the answer and nowhere else.
    pub async fn create_token(
        &self,
        name: String,
        scope: ClientScope,
        role: ClientRole,
    ) -> Result<(String, TokenRecord), NodeError> {
        let fits = (1..=MAX_NAME_BYTES).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if !fits {
            return Err(NodeError::Request(
                "a token's name has 1 to 64 letters, digits, dots, underscores and hyphens"
                    .to_owned(),
            ));
        }
        let secret = format!("{PREFIX}{}", BASE64.encode(rand::random::<[u8; SECRET_BYTES]>()));
        let created = clock::now();
        let token = TokenRecord { hash: hash(&secret), name, scope, role, created, used: None };
        let applied = self.write(vec![Change::Token(token.clone())]).await?;
        match applied.first() {
            Some(Applied::Refused(refused @ Refused::NameTaken)) => Err(NodeError::Request(
                format!("{refused}: choose another, or revoke that one first"),
            )),
            Some(Applied::Refused(refused)) => {
                Err(NodeError::Request(format!("{refused}: revoke what is not used")))
            }
            _ => Ok((secret, token)),
        }
    }

    /// All tokens, by name.
    pub async fn tokens(&self) -> Result<Vec<TokenRecord>, NodeError> {
        let mut tokens = self.blocking(|node| Ok(node.inner.store.tokens()?)).await?;
        tokens.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(tokens)
    }

    /// A token is good no more, from now on.
    pub async fn revoke_token(&self, name: String) -> Result<(), NodeError> {
        let applied = self.write(vec![Change::ForgetToken(name)]).await?;
        match applied.first() {
            Some(Applied::Refused(refused)) => {
                Err(NodeError::NotFound(format!("{refused}: `dtim tokens list` shows them")))
            }
            _ => Ok(()),
        }
    }

    /// Whose token a secret is, if it is good.
    pub async fn token_of(&self, secret: &str) -> Result<Option<TokenRecord>, NodeError> {
        if !secret.starts_with(PREFIX) {
            return Ok(None);
        }
        let hash = hash(secret);
        let token = self.blocking(move |node| Ok(node.inner.store.token(&hash)?)).await?;
        if let Some(token) = &token {
            self.note_use(token, clock::now()).await?;
        }
        Ok(token)
    }

    /// Keeps when a token was last used, once a minute: a request must not be a write.
    async fn note_use(&self, token: &TokenRecord, now: Timestamp) -> Result<(), NodeError> {
        let at = now.floor(MINUTE);
        let hash = token.hash;
        {
            let mut noted = self.inner.tokens_used.lock().unwrap_or_else(PoisonError::into_inner);
            if noted.get(&hash).is_some_and(|noted| *noted >= at) {
                return Ok(());
            }
            // Revoked ones stay in it until then.
            if noted.len() >= 2 * MAX_TOKENS {
                noted.clear();
            }
            noted.insert(hash, at);
        }
        self.write(vec![Change::TokenUsed { hash, at }]).await.map(|_| ())
    }
}

/// When each token was last used, by its hash; at most twice as many as there are tokens.
pub(super) type Used = HashMap<[u8; 32], Timestamp>;

fn hash(secret: &str) -> [u8; 32] {
    *blake3::hash(secret.as_bytes()).as_bytes()
}
