//! Which version wrote the store, whether our key opens it, and the steps from
//! an older schema to ours.
//!
//! A record that changes its form reads its older versions by itself
//! ([`super::record::Record::from_older`]); a step here is for what that cannot
//! do: keys that move, families that split. Either raises [`SCHEMA`], so that an
//! older program does not misread what a newer one wrote.

use rocksdb::WriteBatch;

use super::StoreError;
use super::database::Database;
use super::family::{self, Family};
use super::record::{self, KeptClaim, KeptEvidence, KeptIndicator, KeptOwn};
use crate::keys::Place;
use crate::privacy::tlp::View;

/// The schema that this version writes.
pub(super) const SCHEMA: u32 = 3;
/// Step `n` makes schema `n + 2` of schema `n + 1`.
const STEPS: [Step; SCHEMA as usize - 1] = [index_waiting, stamp_views];

/// Puts into the batch what the next schema has otherwise.
pub(super) type Step = fn(&Database, &mut WriteBatch) -> Result<(), StoreError>;

/// These two stand unsealed: they must be readable before anything else is.
const SCHEMA_KEY: &[u8] = b"schema";
const WRITER_KEY: &[u8] = b"writer";
/// A sealed text that only the right data key opens.
const CANARY_KEY: &[u8] = b"canary";
const CANARY: &[u8] = b"the data key opens this store";

/// Makes sure that the store is one that this version and this key can use.
pub(super) fn check(db: &Database) -> Result<(), StoreError> {
    match stored_schema(db)? {
        None => begin(db),
        Some(found) if found > SCHEMA => Err(StoreError::NewerSchema {
            dir: db.dir().display().to_string(),
            writer: writer(db)?,
            found,
            known: SCHEMA,
        }),
        Some(found) => {
            check_key(db)?;
            migrate(db, found, &STEPS)
        }
    }
}

fn begin(db: &Database) -> Result<(), StoreError> {
    let place = Place { family: Family::Meta.name(), key: CANARY_KEY, schema: 1 };
    let canary = db.sealer.seal(&place, CANARY, rand::random());
    let mut batch = WriteBatch::default();
    batch.put_cf(db.family(Family::Meta)?, CANARY_KEY, canary);
    put_schema(db, &mut batch, SCHEMA)?;
    db.commit(batch)
}

fn check_key(db: &Database) -> Result<(), StoreError> {
    let place = Place { family: Family::Meta.name(), key: CANARY_KEY, schema: 1 };
    let sealed = db.raw(Family::Meta, CANARY_KEY)?.unwrap_or_default();
    match db.sealer.open(&place, &sealed) {
        Ok(canary) if canary == CANARY => Ok(()),
        Ok(_) | Err(_) => Err(StoreError::WrongKey { dir: db.dir().display().to_string() }),
    }
}

/// Runs the steps that are missing, each in one batch with its schema.
pub(super) fn migrate(db: &Database, found: u32, steps: &[Step]) -> Result<(), StoreError> {
    for (schema, step) in (2..).zip(steps).filter(|(schema, _)| *schema > found) {
        let mut batch = WriteBatch::default();
        step(db, &mut batch)?;
        put_schema(db, &mut batch, schema)?;
        db.commit(batch)?;
        tracing::info!(schema, "the store was brought to the next schema");
    }
    Ok(())
}

fn put_schema(db: &Database, batch: &mut WriteBatch, schema: u32) -> Result<(), StoreError> {
    let meta = db.family(Family::Meta)?;
    batch.put_cf(meta, SCHEMA_KEY, schema.to_be_bytes());
    batch.put_cf(meta, WRITER_KEY, concat!("dtim ", env!("CARGO_PKG_VERSION")));
    Ok(())
}

/// Schema 2 finds what waits for an audience without looking at all else.
fn index_waiting(db: &Database, batch: &mut WriteBatch) -> Result<(), StoreError> {
    let waiting = db.family(Family::Waiting)?;
    for own in db.sound_records::<KeptOwn>()? {
        let (key, own) = own?;
        if let (Some(wish), Some((indicator, audience))) = (own.wish, family::split_outbox(&key)) {
            let urgent = wish.what.is_urgent();
            batch.put_cf(waiting, family::waiting(&audience, urgent, wish.due, &indicator), []);
        }
    }
    Ok(())
}

/// Schema 3 knows when an indicator last changed for each view.
fn stamp_views(db: &Database, batch: &mut WriteBatch) -> Result<(), StoreError> {
    let indicators = db.family(Family::Indicators)?;
    for indicator in db.sound_records::<KeptIndicator>()? {
        let (key, mut indicator) = indicator?;
        let evidence = db.records::<KeptEvidence>(&key)?;
        let claims = db.records::<KeptClaim>(&key)?;
        let own = evidence.iter().map(|(_, kept)| kept.evidence.scope.tlp());
        let heard =
            claims.iter().filter(|(_, kept)| !kept.own).map(|(_, kept)| kept.heard.claim.tlp);
        let least = own.chain(heard).min();
        let stamp = indicator.stamps.of(View::Red);
        for view in View::ALL {
            let seen = view == View::Red || least.is_some_and(|tlp| view.sees(tlp));
            indicator.stamps.set(view, if seen { stamp } else { 0 });
        }
        batch.put_cf(indicators, &key, record::seal(&db.sealer, &key, &indicator)?);
    }
    Ok(())
}

fn stored_schema(db: &Database) -> Result<Option<u32>, StoreError> {
    let Some(bytes) = db.raw(Family::Meta, SCHEMA_KEY)? else { return Ok(None) };
    let schema = bytes.try_into().map_err(|_| StoreError::Corrupt {
        dir: db.dir().display().to_string(),
        what: "its schema is not a number".to_owned(),
    })?;
    Ok(Some(u32::from_be_bytes(schema)))
}

fn writer(db: &Database) -> Result<String, StoreError> {
    let writer = db.raw(Family::Meta, WRITER_KEY)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&writer).into_owned())
}
