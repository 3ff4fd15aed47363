//! What is kept of a token.

use serde::{Deserialize, Serialize};

use super::{Blob, Record};
use crate::model::Timestamp;
use crate::store::TokenRecord;
use crate::store::family::Family;

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct TokenForm {
    name: String,
    hash: Blob,
    scope: String,
    role: String,
    trust: f64,
    created: u64,
    used: Option<u64>,
}

impl Record for TokenRecord {
    const FAMILY: Family = Family::Tokens;
    const VERSION: u8 = 1;
    type Form = TokenForm;

    fn to_form(&self) -> TokenForm {
        TokenForm {
            name: self.name.clone(),
            hash: (&self.hash).into(),
            scope: self.scope.name().to_owned(),
            role: self.role.name().to_owned(),
            trust: self.trust,
            created: self.created.seconds(),
            used: self.used.map(Timestamp::seconds),
        }
    }

    fn from_form(form: TokenForm) -> Option<Self> {
        Some(Self {
            name: form.name,
            hash: form.hash.array()?,
            scope: form.scope.parse().ok()?,
            role: form.role.parse().ok()?,
            trust: form.trust,
            created: Timestamp(form.created),
            used: form.used.map(Timestamp),
        })
    }
}
