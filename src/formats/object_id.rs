//! Ids of STIX objects.

use uuid::Uuid;

use crate::model::IndicatorId;

/// The id of an indicator's object: UUIDv5 (RFC 9562) in a namespace of the exporting node
/// and the view, because a copy that leaves something out is another object (STIX 2.1
/// section 3.2). `since`, in microseconds, tells what was taken back and then shown again
/// from what it was before: nothing follows on a revoked version.
#[must_use]
pub fn object_id(namespace: Uuid, indicator: IndicatorId, since: u64) -> Uuid {
    let name = [indicator.as_bytes().as_slice(), &since.to_be_bytes()].concat();
    Uuid::new_v5(&namespace, &name)
}
