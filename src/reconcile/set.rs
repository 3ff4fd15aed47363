//! The set: content ids in the order of the days on which their claims end.
//!
//! Sorted blocks, so that an insertion moves a few KiB whatever the size of the
//! whole, and about 40 bytes a claim.

use negentropy::{Bound, Error, Id, Item, NegentropyStorageBase};

use crate::model::{ContentId, Day};

/// A block that grows beyond this is halved.
const BLOCK: usize = 1024;

/// One member: what it is ordered by, and which claim it is.
type Entry = (Day, ContentId);

/// Which claims a node holds.
#[derive(Clone, Debug, Default)]
pub struct Set {
    /// In order, none of them empty.
    blocks: Vec<Vec<Entry>>,
    len: usize,
}

impl Set {
    /// How many claims.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a claim is in it.
    pub fn contains(&self, until: Day, id: &ContentId) -> bool {
        let entry = (until, *id);
        let block = self.blocks.get(self.block_of(&entry));
        block.is_some_and(|block| block.binary_search(&entry).is_ok())
    }

    /// The day on which a claim ends, if it is in the set.
    pub fn find(&self, id: &ContentId) -> Option<Day> {
        let mut day = self.blocks.first()?.first()?.0;
        loop {
            if self.contains(day, id) {
                return Some(day);
            }
            let next = self.rank(&(Day(day.0.checked_add(1)?), ContentId([0; 32])));
            day = self.from(next).next()?.0;
        }
    }

    /// Puts a claim in. False if it was there.
    pub fn insert(&mut self, until: Day, id: ContentId) -> bool {
        let entry = (until, id);
        let at = self.block_of(&entry);
        let Some(block) = self.blocks.get_mut(at) else {
            self.blocks.push(vec![entry]);
            self.len += 1;
            return true;
        };
        let Err(place) = block.binary_search(&entry) else { return false };
        block.insert(place, entry);
        self.len += 1;
        if block.len() > BLOCK {
            let upper = block.split_off(BLOCK / 2);
            self.blocks.insert(at + 1, upper);
        }
        true
    }

    /// Takes a claim out. False if it was not there.
    pub fn remove(&mut self, until: Day, id: &ContentId) -> bool {
        let entry = (until, *id);
        let at = self.block_of(&entry);
        let Some(block) = self.blocks.get_mut(at) else { return false };
        let Ok(place) = block.binary_search(&entry) else { return false };
        block.remove(place);
        self.len -= 1;
        if block.is_empty() {
            self.blocks.remove(at);
        }
        true
    }

    /// Takes out all that ends before a day.
    pub fn drop_before(&mut self, day: Day) {
        let whole = self.blocks.partition_point(|block| block.last().is_some_and(|e| e.0 < day));
        self.blocks.drain(..whole);
        if let Some(block) = self.blocks.first_mut() {
            let ended = block.partition_point(|entry| entry.0 < day);
            block.drain(..ended);
        }
        self.len = self.blocks.iter().map(Vec::len).sum();
    }

    /// All of it, in order.
    #[cfg(test)]
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.blocks.iter().flatten().copied()
    }

    /// The block in which an entry is, or would be.
    fn block_of(&self, entry: &Entry) -> usize {
        let after = self.blocks.partition_point(|b| b.first().is_some_and(|first| first <= entry));
        after.saturating_sub(1)
    }

    /// How many entries are smaller.
    fn rank(&self, entry: &Entry) -> usize {
        let at = self.block_of(entry);
        let before: usize = self.blocks.iter().take(at).map(Vec::len).sum();
        let within = self.blocks.get(at).map_or(0, |b| b.partition_point(|other| other < entry));
        before + within
    }

    /// The entries from a rank on.
    fn from(&self, mut rank: usize) -> impl Iterator<Item = &Entry> {
        let mut blocks = self.blocks.iter();
        let mut first = [].iter();
        for block in blocks.by_ref() {
            if rank < block.len() {
                first = block.get(rank..).unwrap_or_default().iter();
                break;
            }
            rank -= block.len();
        }
        first.chain(blocks.flatten())
    }
}

/// What of a set ends on a day or later, as negentropy reads it.
pub(super) struct View<'a> {
    set: &'a Set,
    /// How many entries end before.
    before: usize,
}

impl<'a> View<'a> {
    pub(super) fn new(set: &'a Set, from: Day) -> Self {
        Self { set, before: set.rank(&(from, ContentId([0; 32]))) }
    }
}

impl NegentropyStorageBase for View<'_> {
    fn size(&self) -> Result<usize, Error> {
        Ok(self.set.len - self.before)
    }

    fn get_item(&self, at: usize) -> Result<Option<Item>, Error> {
        Ok(self.set.from(self.before.saturating_add(at)).next().map(item))
    }

    fn iterate(
        &self,
        begin: usize,
        end: usize,
        each: &mut dyn FnMut(Item, usize) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        for (entry, at) in self.set.from(self.before.saturating_add(begin)).zip(begin..end) {
            if !each(item(entry), at)? {
                break;
            }
        }
        Ok(())
    }

    fn find_lower_bound(&self, first: usize, last: usize, bound: &Bound) -> usize {
        // A day beyond all days: nothing is as late.
        let Ok(day) = u32::try_from(bound.item.timestamp) else { return last };
        let rank = self.set.rank(&(Day(day), ContentId(bound.item.id.to_bytes())));
        rank.saturating_sub(self.before).clamp(first, last)
    }
}

fn item((day, id): &Entry) -> Item {
    Item::with_timestamp_and_id(u64::from(day.0), Id::from_byte_array(id.0))
}
