//! Tokens of clients.

use serde::{Deserialize, Serialize};

use super::{Blob, Record};
use crate::model::Timestamp;
use crate::store::family::Family;
use crate::store::who::TokenRecord;

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct TokenForm {
    hash: Blob,
    name: String,
    scope: String,
    role: String,
    created: u64,
    used: Option<u64>,
}

impl Record for TokenRecord {
    const FAMILY: Family = Family::Tokens;
    const VERSION: u8 = 1;
    type Form = TokenForm;

    fn to_form(&self) -> TokenForm {
        TokenForm {
            hash: (&self.hash).into(),
            name: self.name.clone(),
            scope: self.scope.name().to_owned(),
            role: self.role.name().to_owned(),
            created: self.created.seconds(),
            used: self.used.map(Timestamp::seconds),
        }
    }

    fn from_form(form: TokenForm) -> Option<Self> {
        Some(Self {
            hash: form.hash.array()?,
            name: form.name,
            scope: form.scope.parse().ok()?,
            role: form.role.parse().ok()?,
            created: Timestamp(form.created),
            used: form.used.map(Timestamp),
        })
    }
}
