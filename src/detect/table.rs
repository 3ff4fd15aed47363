//! All buckets, bounded.
//!
//! Owns which buckets have to go when there are too many (those of the address about which
//! nothing has changed for the longest time), and which have changed since they were last
//! stored.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hashlink::LinkedHashMap;
use hashlink::linked_hash_map::RawEntryMut;
use ipnet::IpNet;

use super::bucket::{Bucket, Outcome, take_u64};
use super::rule::{Named, Rule};
use crate::model::{Timestamp, Value};

/// Which rule counts what about whom.
struct Key {
    /// The rule's fingerprint.
    rule: u64,
    /// Whom or what.
    subject: Named,
}

/// What all rules have counted about one subject.
#[derive(Default)]
struct Counted {
    /// By rule; few.
    slots: Vec<Slot>,
    /// Some of it has changed since it was last stored.
    changed: bool,
}

struct Slot {
    /// The rule's fingerprint.
    rule: u64,
    bucket: Bucket,
    /// Its place in the order of changes.
    order: u64,
    /// The event time after which it is as good as none.
    idle_after: Timestamp,
    /// It has changed since it was last stored.
    changed: bool,
}

/// All buckets.
pub(super) struct Table {
    /// How many buckets there may be.
    capacity: usize,
    /// How many there are.
    buckets: usize,
    /// By their last change, oldest first. The hash is seeded anew in each process:
    /// strangers choose the keys.
    subjects: LinkedHashMap<Named, Counted>,
    /// It was filled from the store and must be sorted before it is used.
    unsorted: bool,
    /// The next change's place.
    next: u64,
    /// About whom something has changed since it was last stored.
    changed: Vec<Named>,
    /// Buckets that had to go since then.
    gone: Vec<Key>,
    /// Stored keys that nothing here needs any more.
    stale: BTreeSet<Vec<u8>>,
    /// Buckets that had to go while they still counted.
    evicted: u64,
}

/// Under this key the store keeps the place of the next change.
const ORDER_KEY: &[u8] = b"o";
const BUCKET_KEY: u8 = b'b';

impl Counted {
    /// The event time after which all of it is as good as none.
    fn idle_after(&self) -> Timestamp {
        self.slots.iter().map(|slot| slot.idle_after).max().unwrap_or_default()
    }

    /// Its place in the order of changes: that of what has changed last.
    fn order(&self) -> u64 {
        self.slots.iter().map(|slot| slot.order).max().unwrap_or_default()
    }

    fn slot(&mut self, rule: u64) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.rule == rule)
    }

    /// Lets the rules' buckets take one more event; whether that changed any.
    fn add<'r>(
        &mut self,
        rules: impl Iterator<Item = (u64, &'r Rule)>,
        at: Timestamp,
        next: &mut u64,
        mut add: impl FnMut(&'r Rule, &mut Bucket) -> Outcome,
    ) -> bool {
        let before = *next;
        for (print, rule) in rules {
            if self.slot(print).is_none() {
                self.slots.push(Slot::new(print, Bucket::new(at)));
            }
            let Some(slot) = self.slot(print) else { continue };
            if add(rule, &mut slot.bucket) == Outcome::Silent {
                continue;
            }
            (slot.order, slot.changed) = (*next, true);
            slot.idle_after = slot.bucket.idle_after(&rule.limit, rule.cooldown);
            *next += 1;
        }
        *next != before
    }
}

impl Slot {
    fn new(rule: u64, bucket: Bucket) -> Self {
        Self { rule, bucket, order: 0, idle_after: Timestamp(0), changed: false }
    }
}

impl Table {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            buckets: 0,
            subjects: LinkedHashMap::new(),
            unsorted: false,
            next: 0,
            changed: Vec::new(),
            gone: Vec::new(),
            stale: BTreeSet::new(),
            evicted: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.buckets
    }

    pub(super) fn take_evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }

    /// Lets these rules' buckets for a subject, empty ones where there are none, take one more
    /// event. If that changed any, the subject comes to the end of the order.
    pub(super) fn update<'r>(
        &mut self,
        subject: &Named,
        at: Timestamp,
        rules: impl Iterator<Item = (u64, &'r Rule)>,
        add: impl FnMut(&'r Rule, &mut Bucket) -> Outcome,
    ) {
        self.sort();
        let counted = match self.subjects.raw_entry_mut().from_key(subject) {
            RawEntryMut::Occupied(mut entry) => {
                let before = entry.get().slots.len();
                if !entry.get_mut().add(rules, at, &mut self.next, add) {
                    return;
                }
                self.buckets += entry.get().slots.len() - before;
                entry.to_back();
                entry.into_mut()
            }
            RawEntryMut::Vacant(entry) => {
                let mut counted = Counted::default();
                if !counted.add(rules, at, &mut self.next, add) {
                    return;
                }
                self.buckets += counted.slots.len();
                entry.insert(subject.clone(), counted).1
            }
        };
        if !std::mem::replace(&mut counted.changed, true) {
            self.changed.push(subject.clone());
        }
        self.keep_bounds();
    }

    fn keep_bounds(&mut self) {
        while self.buckets > self.capacity {
            self.evicted += self.drop_oldest();
        }
    }

    /// Brings what came from the store into its order.
    fn sort(&mut self) {
        if !std::mem::take(&mut self.unsorted) {
            return;
        }
        let mut subjects: Vec<_> = self.subjects.drain().collect();
        subjects.sort_unstable_by(|(subject, counted), (other, theirs)| {
            (counted.order(), subject).cmp(&(theirs.order(), other))
        });
        self.subjects.extend(subjects);
        self.keep_bounds();
    }

    /// Drops what is as good as none at the old end. A few at a time, so that no
    /// event has to pay for many.
    pub(super) fn expire(&mut self, at: Timestamp) {
        const AT_A_TIME: usize = 2;
        self.sort();
        for _ in 0..AT_A_TIME {
            if self.subjects.front().is_none_or(|(_, counted)| counted.idle_after() >= at) {
                return;
            }
            self.drop_oldest();
        }
    }

    /// Drops the subject that changed longest ago; gives how many buckets it had.
    fn drop_oldest(&mut self) -> u64 {
        let Some((subject, counted)) = self.subjects.pop_front() else {
            // There is nothing left to count.
            self.buckets = 0;
            return 0;
        };
        let count = counted.slots.len();
        let keys =
            counted.slots.iter().map(|slot| Key { rule: slot.rule, subject: subject.clone() });
        self.gone.extend(keys);
        self.buckets = self.buckets.saturating_sub(count);
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// What the store must write (or, for none, delete) to hold what this table holds.
    pub(super) fn take_changed(&mut self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        self.sort();
        let mut all = Vec::new();
        for subject in std::mem::take(&mut self.changed) {
            let Some(counted) = self.subjects.get_mut(&subject) else { continue };
            counted.changed = false;
            for slot in counted.slots.iter_mut().filter(|slot| slot.changed) {
                slot.changed = false;
                let key = encode(slot.rule, &subject);
                all.push((key, Some(slot.bucket.encode(slot.order))));
            }
        }
        for key in std::mem::take(&mut self.gone) {
            // What went may have come again.
            let counted = self.subjects.get_mut(&key.subject);
            if counted.and_then(|counted| counted.slot(key.rule)).is_none() {
                all.push((encode(key.rule, &key.subject), None));
            }
        }
        all.extend(std::mem::take(&mut self.stale).into_iter().map(|key| (key, None)));
        if !all.is_empty() {
            all.push((ORDER_KEY.to_vec(), Some(self.next.to_be_bytes().to_vec())));
        }
        all
    }

    /// Takes back one stored pair. `idle_after` knows the rules; a bucket of a rule
    /// that is no more, or bytes of another version, are deleted with the next change.
    pub(super) fn restore(
        &mut self,
        key: &[u8],
        bytes: &[u8],
        idle_after: impl FnOnce(u64, &Bucket) -> Option<Timestamp>,
    ) {
        if key == ORDER_KEY {
            let next = take_u64(&mut &*bytes).unwrap_or(0);
            self.next = self.next.max(next);
            return;
        }
        let known = Key::decode(key).and_then(|key| {
            let (bucket, order) = Bucket::decode(bytes)?;
            let idle_after = idle_after(key.rule, &bucket)?;
            Some((key.subject, Slot { order, idle_after, ..Slot::new(key.rule, bucket) }))
        });
        let Some((subject, slot)) = known else {
            self.stale.insert(key.to_vec());
            return;
        };
        self.next = self.next.max(slot.order.saturating_add(1));
        // Pairs come in any order; the next event keeps the bounds.
        self.unsorted = true;
        let counted = self.subjects.entry(subject).or_insert_with(Counted::default);
        match counted.slot(slot.rule) {
            Some(known) => *known = slot,
            None => {
                counted.slots.push(slot);
                self.buckets += 1;
            }
        }
    }
}

/// `b ‖ rule ‖ 4 or 6 ‖ address ‖ prefix length`, or `b ‖ rule ‖ 't' ‖ kind ‖ 0 ‖ value`.
fn encode(rule: u64, subject: &Named) -> Vec<u8> {
    // As long as that of an IPv6 network.
    let mut bytes = Vec::with_capacity(27);
    bytes.push(BUCKET_KEY);
    bytes.extend(rule.to_be_bytes());
    match subject {
        Named::Net(net) => {
            match net.addr() {
                IpAddr::V4(address) => {
                    bytes.push(4);
                    bytes.extend(address.octets());
                }
                IpAddr::V6(address) => {
                    bytes.push(6);
                    bytes.extend(address.octets());
                }
            }
            bytes.push(net.prefix_len());
        }
        Named::Value(value) => {
            bytes.push(b't');
            bytes.extend(value.kind().name().as_bytes());
            bytes.push(0);
            bytes.extend(value.as_str().as_bytes());
        }
    }
    bytes
}

impl Key {
    /// What [`encode`] made.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&[BUCKET_KEY])?;
        let rule = take_u64(&mut rest)?;
        let net = |address: IpAddr, prefix| Some(Named::Net(IpNet::new(address, prefix).ok()?));
        let subject = match rest {
            [4, address @ .., prefix] => {
                net(IpAddr::from(<[u8; 4]>::try_from(address).ok()?), *prefix)?
            }
            [6, address @ .., prefix] => {
                net(IpAddr::from(<[u8; 16]>::try_from(address).ok()?), *prefix)?
            }
            [b't', named @ ..] => {
                let (kind, value) = std::str::from_utf8(named).ok()?.split_once('\0')?;
                Named::Value(Box::new(Value::parse(&kind.parse().ok()?, value).ok()?))
            }
            _ => return None,
        };
        Some(Self { rule, subject })
    }
}
