//! What became of the objects of a bundle, in numbers.

use std::collections::BTreeMap;

use super::Object;

/// The types that are counted by their names; all further ones together.
const MAX_TYPES: usize = 64;

/// What became of the objects of a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All objects.
    pub objects: u64,
    /// Objects that tell of indicators: indicators, and sightings of them.
    pub told: u64,
    /// The values in them.
    pub values: u64,
    /// Objects, and parts of patterns, that were refused, by the label of the reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Objects of other types, by type.
    pub others: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts an object.
    pub fn count(&mut self, object: &Object) {
        self.objects += 1;
        match object {
            Object::Indicator(imported) => {
                self.told += 1;
                self.values += imported.values.len() as u64;
                for refused in &imported.refused {
                    self.refuse(refused.label());
                }
            }
            Object::Refused(refusal) => self.refuse(refusal.label()),
            Object::Other(name) => {
                let known = self.others.len() < MAX_TYPES || self.others.contains_key(name);
                let name = if known { name.as_str() } else { "all others" };
                *self.others.entry(name.to_owned()).or_default() += 1;
            }
        }
    }

    /// Counts a refusal by its label.
    pub fn refuse(&mut self, label: &'static str) {
        *self.refused.entry(label).or_default() += 1;
    }
}
