//! Reading a section: what it knows is taken, what is left over is a mistake.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Display};
use std::ops::RangeInclusive;

use super::Problem;
use super::problem::{Wrong, closest};
use super::setting::{Seconds, Setting};
use super::tree::{At, Table};

/// What came out of reading so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) problems: Vec<Problem>,
    pub(super) notices: Vec<Problem>,
    /// The keys that the file or a variable sets.
    pub(super) given: BTreeSet<String>,
    /// Every key that exists, with its effective value for comparing two loads.
    pub(super) effective: BTreeMap<String, String>,
    /// Keys that no section took: section, key and where.
    unknown: Vec<(String, String, At)>,
}

impl Report {
    pub(super) fn wrong(&mut self, key: &str, at: &At, wrong: Wrong) {
        self.problems.push(problem(key, at, wrong));
    }

    pub(super) fn notice(&mut self, key: &str, at: &At, wrong: Wrong) {
        self.notices.push(problem(key, at, wrong));
    }

    /// Turns the keys that nobody took into problems. Only now are all known
    /// keys known, so that the one that was meant can be named.
    pub(super) fn finish(&mut self) {
        for (section, key, at) in std::mem::take(&mut self.unknown) {
            let remedy = self.suggestion(&section, &key);
            let path = join(&section, &key);
            self.wrong(&path, &at, Wrong::new("there is no such key", remedy));
        }
        self.problems.sort_by(|a, b| (a.line, &a.key).cmp(&(b.line, &b.key)));
        self.notices.sort_by(|a, b| (a.line, &a.key).cmp(&(b.line, &b.key)));
    }

    fn suggestion(&self, section: &str, key: &str) -> String {
        let prefix = if section.is_empty() { String::new() } else { format!("{section}.") };
        let here = self.effective.keys().filter_map(|known| known.strip_prefix(&prefix));
        let here: BTreeSet<&str> = here.filter_map(|rest| rest.split('.').next()).collect();
        if let Some(near) = closest(key, here.iter().copied()) {
            return format!("did you mean {}?", join(section, near));
        }
        let elsewhere = self.effective.keys().find(|known| known.rsplit('.').next() == Some(key));
        match elsewhere {
            Some(known) => format!("did you mean {known}?"),
            None => {
                let known: Vec<&str> = here.into_iter().collect();
                format!("remove it, or use one of: {}", known.join(", "))
            }
        }
    }
}

fn problem(key: &str, at: &At, wrong: Wrong) -> Problem {
    let key = at.variable.clone().unwrap_or_else(|| key.to_owned());
    Problem { key, line: at.line, what: wrong.what, remedy: wrong.remedy }
}

fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// A section while it is read.
pub(super) struct Section<'r> {
    path: String,
    at: At,
    entries: Table,
    report: &'r mut Report,
}

impl<'r> Section<'r> {
    /// The file itself.
    pub(super) fn root(entries: Table, report: &'r mut Report) -> Self {
        Self { path: String::new(), at: At::default(), entries, report }
    }

    /// Puts the key's value in its slot if the key is there and right. Whether it is there.
    pub(super) fn set<T: Setting + Debug>(&mut self, key: &str, slot: &mut T) -> bool {
        self.set_if(key, slot, |_| Ok(()))
    }

    /// Like [`Section::set`], for a value that must also pass a check.
    pub(super) fn set_if<T: Setting + Debug>(
        &mut self,
        key: &str,
        slot: &mut T,
        check: impl FnOnce(&T) -> Result<(), Wrong>,
    ) -> bool {
        let path = join(&self.path, key);
        let item = self.entries.remove(key);
        if let Some(item) = &item {
            if let Some(value) = T::read(item, &path, self.report) {
                match check(&value) {
                    Ok(()) => *slot = value,
                    Err(wrong) => self.report.wrong(&path, &item.at, wrong),
                }
            }
            self.report.given.insert(path.clone());
        }
        self.report.effective.insert(path, format!("{slot:?}"));
        item.is_some()
    }

    /// A setting that a later version will use: accepted, and said so when it is set.
    pub(super) fn later<T: Setting + Debug + PartialEq + Clone>(
        &mut self,
        key: &str,
        slot: &mut T,
    ) {
        self.later_by(key, slot, |section, slot| {
            section.set(key, slot);
        });
    }

    /// Like [`Section::later`], with a reader of its own.
    pub(super) fn later_by<T: PartialEq + Clone>(
        &mut self,
        key: &str,
        slot: &mut T,
        read: impl FnOnce(&mut Self, &mut T),
    ) {
        let at = self.at(key);
        let default = slot.clone();
        read(self, slot);
        if let Some(at) = at.filter(|_| *slot != default) {
            self.does_nothing_yet(key, &at);
        }
    }

    /// Says that a key is understood and without effect.
    pub(super) fn does_nothing_yet(&mut self, key: &str, at: &At) {
        let note = Wrong::new("does nothing yet", "it may stay: a later version will use it");
        self.report.notice(&join(&self.path, key), at, note);
    }

    /// A whole number within bounds.
    pub(super) fn number<T>(&mut self, key: &str, slot: &mut T, bounds: RangeInclusive<T>)
    where
        T: Setting + Debug + Display + PartialOrd,
    {
        self.set_if(key, slot, |number| within(number, &bounds));
    }

    /// A weight between 0 and 1.
    pub(super) fn share(&mut self, key: &str, slot: &mut f64) {
        self.set_if(key, slot, |share| within(share, &(0.0..=1.0)));
    }

    /// A duration (`"30m"`), kept in seconds.
    pub(super) fn seconds(&mut self, key: &str, slot: &mut u64) {
        let mut value = Seconds(*slot);
        self.set(key, &mut value);
        *slot = value.0;
    }

    /// Where a key stands, if it is there.
    pub(super) fn at(&self, key: &str) -> Option<At> {
        self.entries.get(key).map(|item| item.at.clone())
    }

    /// A key without which its section means nothing.
    pub(super) fn require(&mut self, key: &str) {
        if !self.entries.contains_key(key) {
            let wrong = Wrong::new("is missing", format!("add {key} = \"…\""));
            let path = join(&self.path, key);
            self.report.wrong(&path, &self.at, wrong);
        }
    }

    /// Records the value of a key that has a reader of its own.
    pub(super) fn note_value(&mut self, key: &str, value: &impl Debug) {
        self.report.effective.insert(join(&self.path, key), format!("{value:?}"));
    }

    /// Takes everything that is left: the keys are names that the operator chose.
    pub(super) fn take_all(&mut self) -> Table {
        std::mem::take(&mut self.entries)
    }

    /// The full name of a key of this section.
    pub(super) fn key(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// Where to say what is wrong.
    pub(super) fn report(&mut self) -> &mut Report {
        self.report
    }

    /// Reads a section below this one; an absent one reads as empty.
    pub(super) fn section(&mut self, key: &str, read: impl FnOnce(&mut Section<'_>)) {
        let path = join(&self.path, key);
        let item = self.entries.remove(key);
        let at = item.as_ref().map(|item| item.at.clone()).unwrap_or_default();
        let entries = item.map_or(Ok(Table::default()), |item| item.table().map(Cow::into_owned));
        let entries = entries.unwrap_or_else(|wrong| {
            self.report.wrong(&path, &at, wrong);
            Table::default()
        });
        self.enter(path, at, entries, read);
    }

    /// Reads each section of a list (`[[key]]`). What was read, with where it stands.
    pub(super) fn list<T: Default + Debug>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&mut Section<'_>, &mut T),
    ) -> Vec<(T, At)> {
        let path = join(&self.path, key);
        let mut all = Vec::new();
        if let Some(item) = self.entries.remove(key) {
            self.report.given.insert(path.clone());
            let items = item.list().unwrap_or_else(|wrong| {
                self.report.wrong(&path, &item.at, wrong);
                Vec::new().into()
            });
            for (index, entry) in items.iter().enumerate() {
                let path = format!("{path}[{}]", index + 1);
                match entry.table() {
                    Ok(table) => {
                        let mut value = T::default();
                        let table = table.into_owned();
                        let at = entry.at.clone();
                        self.enter(path, at.clone(), table, |section| read(section, &mut value));
                        all.push((value, at));
                    }
                    Err(wrong) => self.report.wrong(&path, &entry.at, wrong),
                }
            }
        }
        let values: Vec<&T> = all.iter().map(|(value, _)| value).collect();
        self.report.effective.insert(path, format!("{values:?}"));
        all
    }

    fn enter(&mut self, path: String, at: At, entries: Table, read: impl FnOnce(&mut Section<'_>)) {
        let mut section = Section { path, at, entries, report: self.report };
        read(&mut section);
        section.close();
    }

    /// What nobody took is unknown.
    pub(super) fn close(self) {
        let Self { path, at: _, entries, report } = self;
        report.unknown.extend(entries.into_iter().map(|(key, item)| (path.clone(), key, item.at)));
    }
}

fn within<T: Display + PartialOrd>(value: &T, bounds: &RangeInclusive<T>) -> Result<(), Wrong> {
    if bounds.contains(value) {
        return Ok(());
    }
    let remedy = format!("use {} to {}", bounds.start(), bounds.end());
    Err(Wrong::new(format!("{value} is out of bounds"), remedy))
}
