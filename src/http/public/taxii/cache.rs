//! Objects that were written lately, as bytes.
//!
//! A place stands for one version of an object, so what is kept under it is never wrong
//! by a change of the indicator. What the operator changes, the trust in a member say, is
//! seen with the next assessment tick, which empties the cache.

use std::sync::{Arc, Mutex, PoisonError};

use hashlink::LruCache;

use super::object::Object;
use crate::model::Timestamp;
use crate::privacy::tlp::View;
use crate::store::Place;

/// The bytes of objects that are kept, and about as many for what lies around them.
const MAX_BYTES: usize = 64 << 20;

/// The cache.
#[derive(Default)]
pub(super) struct Cache {
    kept: Mutex<Kept>,
}

struct Kept {
    objects: LruCache<(View, Place), Arc<Object>>,
    bytes: usize,
    tick: Timestamp,
}

impl Default for Kept {
    fn default() -> Self {
        Self { objects: LruCache::new_unbounded(), bytes: 0, tick: Timestamp(0) }
    }
}

impl Cache {
    /// The objects at these places, as far as they are kept in this tick.
    pub(super) fn get(
        &self,
        view: View,
        places: &[Place],
        tick: Timestamp,
    ) -> Vec<Option<Arc<Object>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.tick != tick {
            *kept = Kept { tick, ..Kept::default() };
        }
        places.iter().map(|place| kept.objects.get(&(view, *place)).map(Arc::clone)).collect()
    }

    /// Keeps objects that were written in a tick.
    pub(super) fn put(&self, view: View, tick: Timestamp, objects: Vec<(Place, Arc<Object>)>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.tick != tick {
            return;
        }
        for (place, object) in objects {
            kept.bytes += object.body.len();
            if let Some(before) = kept.objects.insert((view, place), object) {
                kept.bytes -= before.body.len();
            }
        }
        while kept.bytes > MAX_BYTES
            && let Some((_, oldest)) = kept.objects.remove_lru()
        {
            kept.bytes -= oldest.body.len();
        }
    }
}
