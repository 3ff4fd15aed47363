//! `[privacy]`.

use std::collections::BTreeSet;

use crate::model::{Level, MINUTE, Tag};

use super::problem::Wrong;
use super::section::Section;
use super::setting::{Seconds, Setting};
use super::tree::Item;

/// `[privacy]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Privacy {
    /// How much of a claim the mesh is told.
    pub level: Level,
    /// Whether level open may tell custom fields.
    pub allow_custom_fields: bool,
    /// Shortest and longest time in seconds that a claim waits before it leaves.
    pub hold: (u64, u64),
    /// Tags of the operator's own that level open may tell.
    pub tags: BTreeSet<Tag>,
    /// Words that never leave.
    pub never_share: Vec<String>,
}

impl Default for Privacy {
    fn default() -> Self {
        Self {
            level: Level::Moderate,
            allow_custom_fields: true,
            hold: (MINUTE, 10 * MINUTE),
            tags: BTreeSet::new(),
            never_share: Vec::new(),
        }
    }
}

/// Two durations, the shorter first.
#[derive(Debug)]
struct Span(u64, u64);

impl Setting for Span {
    fn read(item: &Item, key: &str, report: &mut super::section::Report) -> Option<Self> {
        let durations: Vec<Seconds> = Setting::read(item, key, report)?;
        let remedy = "write the shortest and the longest time, like [\"60s\", \"600s\"]";
        let wrong = match durations.as_slice() {
            [Seconds(least), Seconds(most)] if least <= most => return Some(Self(*least, *most)),
            [_, _] => Wrong::new("the shortest time is longer than the longest", remedy),
            other => {
                Wrong::new(format!("{} durations stand where two belong", other.len()), remedy)
            }
        };
        report.wrong(key, &item.at, wrong);
        None
    }
}

impl Privacy {
    pub(super) fn read(&mut self, section: &mut Section<'_>) {
        section.set("level", &mut self.level);
        section.set("allow_custom_fields", &mut self.allow_custom_fields);
        let mut hold = Span(self.hold.0, self.hold.1);
        section.set("hold", &mut hold);
        self.hold = (hold.0, hold.1);
        section.set("tags", &mut self.tags);
        section.set_if("never_share", &mut self.never_share, |words| {
            // An empty word is in every text: nothing could be shared at all.
            if words.iter().any(|word| word.trim().is_empty()) {
                return Err(Wrong::new("one of the words is empty", "remove it"));
            }
            Ok(())
        });
    }
}
