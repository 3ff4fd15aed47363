//! What the play has to show, judged from what the nodes said.
//!
//! Pure: observations in, facts out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::observe::Row;
use super::script::{APPEARANCES, Appearance, Fate, ORGANISATIONS, Organisation, fields_of};

/// Everything that was observed.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// In the order of [`ORGANISATIONS`].
    pub organisations: Vec<OrganisationFound>,
    /// When each organisation had an address, after it was in the log.
    pub arrivals: BTreeMap<&'static str, BTreeMap<usize, Duration>>,
    /// The node that nobody approved.
    pub stranger: StrangerFound,
    /// The meeting point.
    pub bootstrap: BootstrapFound,
    /// Until neighbours were connected.
    pub line: Duration,
    /// From the approvals to the connection.
    pub ring: Duration,
    /// The whole play.
    pub took: Duration,
}

/// What an organisation's node said.
#[derive(Clone, Debug, Default)]
pub struct OrganisationFound {
    /// Its indicators, and whether it saw them itself.
    pub known: BTreeMap<String, bool>,
    /// The fields that others told about each.
    pub told: BTreeMap<String, BTreeSet<String>>,
    /// Everything that left it.
    pub egress: Vec<Row>,
    /// Whether that list is as it was written.
    pub egress_whole: bool,
}

/// What the stranger's node said, and others about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct StrangerFound {
    /// Indicators that it knows.
    pub indicators: usize,
    /// Claims that reached it, good or bad.
    pub claims: u64,
    /// Members that it is connected to.
    pub connections: usize,
    /// Organisations at which it waits for approval.
    pub doors: usize,
}

/// What the bootstrap counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct BootstrapFound {
    /// Claims that reached it.
    pub claims: u64,
    /// Indicators that it holds.
    pub indicators: u64,
    /// Nodes that registered.
    pub registrations: u64,
}

/// One thing that must be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its name for machines.
    pub id: &'static str,
    /// What must be true.
    pub what: &'static str,
    /// What was against it; empty: it is true.
    pub against: Vec<String>,
}

/// All of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report(pub Vec<Fact>);

impl Report {
    /// Whether everything is true.
    pub fn holds(&self) -> bool {
        self.0.iter().all(Fact::holds)
    }
}

impl Fact {
    /// Whether it is true.
    pub fn holds(&self) -> bool {
        self.against.is_empty()
    }
}

impl Found {
    /// Judges.
    pub fn judge(&self) -> Report {
        let fact = |id, what, against| Fact { id, what, against };
        Report(vec![
            fact("spread", "every organisation has every shared indicator", self.not_arrived()),
            fact("level", "nothing left beyond its organisation's privacy level", self.beyond()),
            fact("egress", "the ledgers hold exactly what was shared, unbroken", self.ledgers()),
            fact("quiet", "no visitor, own or private address became an indicator", self.noise()),
            fact("red", "what is red stayed at home", self.red()),
            fact("stranger", "the stranger was turned away and got nothing", self.stranger()),
            fact("bootstrap", "the bootstrap introduced nodes and got nothing", self.bootstrap()),
        ])
    }

    fn each(&self) -> impl Iterator<Item = (usize, &'static Organisation, &OrganisationFound)> {
        let all = ORGANISATIONS.iter().zip(&self.organisations).enumerate();
        all.map(|(at, (organisation, found))| (at, organisation, found))
    }

    fn not_arrived(&self) -> Vec<String> {
        let mut against = Vec::new();
        if self.organisations.len() != ORGANISATIONS.len() {
            against.push("not every organisation answered".to_owned());
        }
        for shared in with_fate(Fate::Shared) {
            for (at, organisation, found) in self.each() {
                // Who saw it says so, and nobody else does.
                if found.known.get(shared.address) != Some(&(at == shared.at)) {
                    against.push(format!("{} at {}", shared.address, organisation.name));
                }
            }
        }
        against
    }

    fn beyond(&self) -> Vec<String> {
        let mut against = Vec::new();
        for (_, organisation, found) in self.each() {
            let allowed = fields_of(organisation.level);
            let within = |row: &&Row| {
                row.level == organisation.level.name()
                    && row.fields.iter().all(|field| allowed.contains(&field.as_str()))
            };
            let beyond = found.egress.iter().filter(|row| !within(row));
            against.extend(beyond.map(|row| format!("{} left {}", row.value, organisation.name)));
        }
        // What others hold counts more than what the sender says about itself.
        for shared in with_fate(Fate::Shared) {
            let allowed = fields_of(shared.organisation().level);
            for (_, receiver, found) in self.each() {
                let told = found.told.get(shared.address).into_iter().flatten();
                let beyond = told.filter(|field| !allowed.contains(&field.as_str()));
                against.extend(beyond.map(|field| {
                    format!("{} of {} reached {}", field, shared.address, receiver.name)
                }));
            }
        }
        against
    }

    fn ledgers(&self) -> Vec<String> {
        let mut against = Vec::new();
        for (at, organisation, found) in self.each() {
            if !found.egress_whole {
                against.push(format!("the ledger of {} is broken", organisation.name));
            }
            let mut left: Vec<(&str, &str)> = found
                .egress
                .iter()
                .map(|row| (row.value.as_str(), row.audience.as_str()))
                .collect();
            let own = with_fate(Fate::Shared).filter(|shared| shared.at == at);
            let mut expected: Vec<(&str, &str)> = own.map(|own| (own.address, "mesh")).collect();
            left.sort_unstable();
            expected.sort_unstable();
            if left != expected {
                against.push(format!("{} wrote {left:?}", organisation.name));
            }
        }
        against
    }

    fn noise(&self) -> Vec<String> {
        let nothing = APPEARANCES.iter().filter(|a| matches!(a.fate, Fate::Nothing(_)));
        let mut against = Vec::new();
        for quiet in nothing {
            let knowing =
                self.each().filter(|(_, _, found)| found.known.contains_key(quiet.address));
            against.extend(
                knowing.map(|(_, organisation, _)| {
                    format!("{} at {}", quiet.address, organisation.name)
                }),
            );
        }
        against
    }

    fn red(&self) -> Vec<String> {
        let mut against = Vec::new();
        for red in with_fate(Fate::Red) {
            for (at, organisation, found) in self.each() {
                if found.known.contains_key(red.address) != (at == red.at) {
                    against.push(format!("{} at {}", red.address, organisation.name));
                }
            }
        }
        against
    }

    fn stranger(&self) -> Vec<String> {
        let found = &self.stranger;
        let mut against = Vec::new();
        if found.indicators > 0 || found.claims > 0 {
            against.push(format!("{} indicators, {} claims", found.indicators, found.claims));
        }
        if found.connections > 0 {
            against.push(format!("{} connections", found.connections));
        }
        if found.doors == 0 {
            against.push("nobody noticed it".to_owned());
        }
        against
    }

    fn bootstrap(&self) -> Vec<String> {
        let found = &self.bootstrap;
        let mut against = Vec::new();
        if found.indicators > 0 || found.claims > 0 {
            against.push(format!("{} indicators, {} claims", found.indicators, found.claims));
        }
        if found.registrations < ORGANISATIONS.len() as u64 {
            against.push(format!("{} registrations", found.registrations));
        }
        against
    }
}

/// The appearances that must become this.
pub fn with_fate(fate: Fate) -> impl Iterator<Item = &'static Appearance> {
    APPEARANCES.iter().filter(move |appearance| appearance.fate == fate)
}

#[cfg(test)]
mod tests;
