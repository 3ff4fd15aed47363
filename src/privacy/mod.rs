//! The privacy filter: the one way out.
//!
//! Owns [`Shareable`], which nothing else can make and without which nothing can
//! be signed. A claim is put together from an allow-list of fields, so what is not
//! named here cannot leave. It must never use evidence that may not go to the
//! audience, not even for a number.

mod addresses;
mod dropped;
mod republish;
mod scrub;
mod show;
pub mod tlp;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use dropped::{Dropped, Reason};
pub use republish::republish_due;
pub use scrub::vocabulary;
pub use show::{pass_on, show};

use crate::ageing;
use crate::hygiene::{self, Lists, Unfit};
use crate::model::{
    Audience, Claim, CustomFields, Day, Evidence, HOUR, Kind, Level, MINUTE, NodeId, Recipients,
    SightingsBucket, Tag, Timestamp, Tlp, Value,
};
use words::{Spelt, Word};

/// What this operator lets out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// How much of a claim is told.
    pub level: Level,
    /// Whether level open tells custom fields.
    pub allow_custom_fields: bool,
    /// Tags that level open tells besides [`vocabulary`].
    pub tags: BTreeSet<Tag>,
    /// Words that leave in no part of a claim: the organisation, products, people.
    pub never_share: Vec<String>,
    /// Names of this machine and its users, which leave in no tag, custom field or
    /// value of a custom kind.
    pub internal: Vec<String>,
}

/// To whom a claim is to speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// Everybody in the community.
    Mesh,
    /// One approved member.
    Member {
        /// Its key.
        node: NodeId,
        /// Its name in the config.
        name: String,
        /// The groups it is in.
        groups: BTreeSet<String>,
    },
}

impl To {
    /// The audience that the pseudonym is derived for.
    pub fn audience(&self) -> Audience {
        match self {
            Self::Mesh => Audience::Mesh,
            Self::Member { node, .. } => Audience::Peer(*node),
        }
    }
}

/// A claim that passed the filter for one audience. Its revision is 0: the signer sets it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shareable {
    claim: Claim,
    audience: Audience,
    dropped: Vec<Dropped>,
}

impl Shareable {
    /// Exactly what leaves.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// To whom.
    pub fn audience(&self) -> Audience {
        self.audience
    }

    /// The tags and custom fields that were left out although the level tells them, and why.
    pub fn dropped(&self) -> &[Dropped] {
        &self.dropped
    }
}

/// What this node tells one audience about one indicator, from all the evidence
/// that it has of it: nothing, or a claim that holds no more than the level's fields.
pub fn share(
    evidence: &[Evidence],
    to: &To,
    policy: &Policy,
    lists: &Lists,
    now: Timestamp,
) -> Result<Shareable, Withheld> {
    let used = admissible(evidence, to)?;
    let [first, ..] = used.as_slice() else { return Err(Withheld::NoEvidence) };
    may_be_named(&first.value, policy, lists)?;
    let (claim, dropped) = tell(&used, policy, lists, now)?;
    Ok(Shareable { claim, audience: to.audience(), dropped })
}

/// A claim of no more than the level's fields, from evidence of one value that may be used.
fn tell(
    used: &[&Evidence],
    policy: &Policy,
    lists: &Lists,
    now: Timestamp,
) -> Result<(Claim, Vec<Dropped>), Withheld> {
    let [first, ..] = used else { return Err(Withheld::NoEvidence) };
    let value = &first.value;
    // A log's clock may run ahead; nothing is told that lies in the future.
    let modified = used.iter().map(|e| e.last_seen).max().unwrap_or_default().min(now);
    let created = used.iter().map(|e| e.first_seen).min().unwrap_or_default().min(modified);
    let told_end = used.iter().map(|e| ageing::end_of_evidence(e)).max().unwrap_or_default();
    let end = ageing::end_of(value.kind(), modified).min(told_end);
    if end <= now.day() {
        return Err(Withheld::Ended);
    }

    let strictest = used.iter().map(|e| e.scope.tlp()).max().unwrap_or(Tlp::Red);
    let mut claim = bare(value.clone(), strictest, end);
    let mut dropped = Vec::new();
    if policy.level == Level::Strict {
        claim.until = end.ceil_week();
    }
    if policy.level >= Level::Moderate {
        let unit = if policy.level == Level::Open { MINUTE } else { HOUR };
        claim.confidence = used.iter().map(|e| e.confidence).max();
        claim.created = Some(created.floor(unit));
        claim.modified = Some(modified.floor(unit));
    }
    if policy.level == Level::Open {
        let count = used.iter().fold(0u64, |sum, e| sum.saturating_add(e.count));
        claim.sightings = Some(SightingsBucket::of(count));
        let scrubber = scrub::Scrubber::new(policy, lists);
        claim.tags = scrubber.tags(used, &mut dropped);
        if policy.allow_custom_fields {
            claim.custom = scrubber.custom(used, &mut dropped);
        }
    }
    Ok((claim, dropped))
}

/// Takes back what was told to an audience. It says nothing but that, and lives
/// no shorter than what it takes back, which could otherwise outlive it elsewhere.
pub fn retract(previous: &Claim, audience: Audience) -> Result<Shareable, Withheld> {
    let path = match audience {
        Audience::Mesh => tlp::Path::Gossip,
        Audience::Peer(_) => tlp::Path::Direct { named: true },
    };
    if !tlp::allows(previous.tlp, path) {
        return Err(Withheld::NotForAudience);
    }
    let mut claim = bare(previous.value.clone(), previous.tlp, previous.until);
    claim.retracted = true;
    Ok(Shareable { claim, audience, dropped: Vec::new() })
}

/// A claim of the handling fields only.
fn bare(value: Value, tlp: Tlp, until: Day) -> Claim {
    Claim {
        value,
        tlp,
        until,
        revision: 0,
        confidence: None,
        created: None,
        modified: None,
        sightings: None,
        tags: Vec::new(),
        custom: CustomFields::new(),
        retracted: false,
    }
}

/// The evidence that may go to the audience. Imports are another's and never
/// part of an own claim.
fn admissible<'a>(evidence: &'a [Evidence], to: &To) -> Result<Vec<&'a Evidence>, Withheld> {
    let [first, ..] = evidence else { return Err(Withheld::NoEvidence) };
    let own: Vec<_> =
        evidence.iter().filter(|e| e.origin.is_own() && e.value == first.value).collect();
    if own.is_empty() {
        return Err(Withheld::OnlyImported);
    }
    let used: Vec<_> = own.iter().copied().filter(|e| tlp::reaches(&e.scope, to)).collect();
    if !used.is_empty() {
        return Ok(used);
    }
    // Naming recipients on white or green says two things; the narrower one wins.
    let contradicts = |e: &&Evidence| {
        e.scope.tlp() < Tlp::Amber && matches!(e.scope.recipients(), Recipients::Only(_))
    };
    Err(if own.iter().any(contradicts) {
        Withheld::NamedButPublic
    } else {
        Withheld::NotForAudience
    })
}

/// Whether the value itself may leave, to whomever: it speaks of nothing inside.
pub fn may_be_named(value: &Value, policy: &Policy, lists: &Lists) -> Result<(), Withheld> {
    hygiene::check(value, lists).map_err(Withheld::Unfit)?;
    let names = matches!(value.kind(), Kind::Domain | Kind::Url | Kind::Email | Kind::Custom(_));
    if names && !lists.names_a_domain() {
        return Err(Withheld::NoOwnDomain);
    }
    // A hash is computed: the letters in it spell nothing.
    if value.kind().is_hash() {
        return Ok(());
    }
    let spelt = Spelt::value(value);
    let words = |texts: &[String]| texts.iter().filter_map(|text| Word::new(text)).collect();
    let never_share: Vec<Word> = words(&policy.never_share);
    if never_share.iter().any(|word| word.is_in(&spelt)) {
        return Err(Withheld::NeverShare);
    }
    let mut inside: Vec<Word> = words(if names { lists.own_domains() } else { &[] });
    if matches!(value.kind(), Kind::Custom(_)) {
        inside.extend(words(&policy.internal));
    }
    let internal = |ip| addresses::is_internal(ip, lists);
    if inside.iter().any(|word| word.is_named_in(&spelt))
        || names && addresses::of(value).into_iter().any(internal)
    {
        return Err(Withheld::SpeaksOfInside);
    }
    Ok(())
}

/// Why nothing is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Withheld {
    /// There is no evidence.
    #[error("there is no own evidence of it")]
    NoEvidence,
    /// There is none but imported.
    #[error("it was only imported, and imports are never shared as own")]
    OnlyImported,
    /// No evidence may go to this audience.
    #[error("no evidence of it may go to this audience; `dtim indicators share` widens its scope")]
    NotForAudience,
    /// White or green with recipients.
    #[error(
        "its scope is white or green and names recipients, and only amber and red can be limited \
         to them; `dtim indicators share` with --tlp amber and the recipients sends it to them"
    )]
    NamedButPublic,
    /// Hygiene refuses it.
    #[error("{0}")]
    Unfit(Unfit),
    /// It is a name, and no own names are known.
    #[error(
        "domains, URLs, e-mail addresses and custom kinds are not shared while [hygiene] own \
         names no domain, because they could not be told from your own; add yours to own"
    )]
    NoOwnDomain,
    /// It holds a word that must not leave.
    #[error("the value holds a word of [privacy] never_share")]
    NeverShare,
    /// It holds an own name or an internal address.
    #[error("the value speaks of an own domain, machine or user, or of an internal address")]
    SpeaksOfInside,
    /// The last sighting is too long ago.
    #[error("its last sighting is so long ago that a claim would have ended")]
    Ended,
}

impl Withheld {
    /// The name in metric labels and JSON.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NoEvidence => "no_evidence",
            Self::OnlyImported => "only_imported",
            Self::NotForAudience => "not_for_audience",
            Self::NamedButPublic => "named_but_public",
            Self::Unfit(unfit) => unfit.label(),
            Self::NoOwnDomain => "no_own_domain",
            Self::NeverShare => "never_share",
            Self::SpeaksOfInside => "speaks_of_inside",
            Self::Ended => "ended",
        }
    }
}
