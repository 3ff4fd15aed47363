//! Which version wrote the store, whether our key opens it, and the steps from
//! an older schema to ours.
//!
//! A record that changes its form reads its older versions by itself
//! ([`super::record::Record::from_older`]); a step here is for what that cannot
//! do: keys that move, families that split. Either raises [`SCHEMA`], so that an
//! older program does not misread what a newer one wrote.

use rocksdb::WriteBatch;

use super::StoreError;
use super::apply::{STATE_KEY, alive_in};
use super::database::Database;
use super::family::{self, Family, Id};
use super::record::{self, InView, KeptClaim, KeptEvidence, KeptIndicator, KeptOwn, Record, State};
use crate::keys::Place;
use crate::privacy::tlp::View;

/// The schema that this version writes.
pub(super) const SCHEMA: u32 = 3;
/// Step `n` makes schema `n + 2` of schema `n + 1`.
const STEPS: [Step; SCHEMA as usize - 1] = [index_waiting, index_views];

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

/// Schema 3 has stamps for each view.
fn index_views(db: &Database, batch: &mut WriteBatch) -> Result<(), StoreError> {
    let (added, objects) = (db.family(Family::Added)?, db.family(Family::Objects)?);
    for row in db.rows(Family::Added, &[], &[])? {
        batch.delete_cf(added, row?.key);
    }
    let now = db.read::<State>(STATE_KEY)?.and_then(|state| state.last_time).unwrap_or_default();
    for indicator in db.sound_records::<KeptIndicator>()? {
        let (key, mut record) = indicator?;
        let Some(id) = family::indicator_of(&key) else { continue };
        let evidence: Vec<KeptEvidence> = sound(db, &id)?;
        let claims: Vec<KeptClaim> = sound(db, &id)?;
        let places = View::ALL.into_iter().zip(&mut record.places);
        for ((view, place), alive) in places.zip(alive_in(&evidence, &claims, now)) {
            if !alive {
                continue;
            }
            let stamp = record.added;
            *place = Some(InView { added: stamp, since: stamp, withdrawn: false, checked: now });
            let namespace = family::namespace(&db.sealer, view);
            let object = family::object_of(&namespace, record.value.id(), stamp);
            batch.put_cf(added, family::added(view, stamp, &id), []);
            batch.put_cf(objects, family::object(object, view, &id), []);
        }
        let family = db.family(KeptIndicator::FAMILY)?;
        batch.put_cf(family, &key, record::seal(&db.sealer, &key, &record)?);
    }
    Ok(())
}

/// The records under an indicator's key; damaged ones are noted and left out.
fn sound<R: Record>(db: &Database, indicator: &Id) -> Result<Vec<R>, StoreError> {
    let mut records = Vec::new();
    for row in db.rows(R::FAMILY, indicator, indicator)? {
        let row = row?;
        match record::open(&db.sealer, &row.key, &row.stored) {
            Ok(record) => records.push(record),
            Err(damaged) => db.note_damaged(&damaged),
        }
    }
    Ok(records)
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
