//! What this node thinks of an indicator now.
//!
//! Owns the published formula, its explanation and the block decision: a pure
//! function of claims, trust and time. It must never see a claim that its view
//! may not show: hidden claims are left out before, so the number equals that
//! of a node that never had them.
//!
//! `confidence = 1 − Π(1 − wᵢ·cᵢ(t))`. Own evidence enters once, with weight 1;
//! imports together once; each delivering member once, with its highest `w·c`.

mod heard;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::ageing::{self, Lifetime};
use crate::hygiene::Unfit;
use crate::model::{Confidence, Evidence, Kind, NodeId, Origin, Timestamp, Value};

pub use heard::{Heard, merge};

/// What each member's deliveries weigh. Who is not in it weighs nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trust {
    /// The members.
    pub of: BTreeMap<NodeId, Member>,
}

/// What a member's deliveries weigh.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// 0 to 1.
    pub trust: f64,
    /// Several nodes of one organisation count once where sources are counted.
    pub organisation: String,
}

/// When something is blocked.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    /// The least confidence, 0 to 100.
    pub threshold: u8,
    /// The least number of sources, unless this node saw it itself.
    pub sources: u32,
    /// The kinds that are blocked.
    pub kinds: BTreeSet<Kind>,
    /// Shorter lifetimes for local use, in seconds.
    pub shorten: BTreeMap<Kind, u64>,
}

/// What this node thinks.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// The number that is shown.
    pub confidence: Confidence,
    /// The same before rounding, 0 to 1.
    pub exact: f64,
    /// How many independent sources there are, counted so that one member
    /// cannot raise it by more than one.
    pub sources: u32,
    /// Whether it is to be blocked.
    pub block: Block,
    /// The factors of the product, and what did not enter it.
    pub terms: Vec<Term>,
}

/// The block decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// Block it.
    Yes,
    /// Do not, for this reason.
    No(NotBlocked),
}

/// Why something is not blocked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotBlocked {
    /// Hygiene holds it back.
    #[error("{0}")]
    Unfit(Unfit),
    /// The operator voted it down.
    #[error("voted a false positive here")]
    VotedFalse,
    /// Not a kind that is blocked.
    #[error("its kind is not among [outputs.block] kinds")]
    Kind,
    /// Too little confidence.
    #[error("confidence is below the threshold of {0}")]
    Confidence(u8),
    /// Too few sources and no own sighting.
    #[error("not seen here, and fewer than {0} independent sources")]
    Sources(u32),
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// This node's own evidence.
    Own,
    /// Everything that was imported.
    Import,
    /// A member that delivered claims.
    Member(NodeId),
    /// Peers that are no members: nothing they delivered weighs anything.
    Nobody,
}

impl Who {
    /// In words; `name` gives a member's name, which is for the operator only.
    pub fn describe(&self, name: impl Fn(NodeId) -> String) -> String {
        match self {
            Self::Own => "this node".to_owned(),
            Self::Import => "imports".to_owned(),
            Self::Member(node) => name(*node),
            Self::Nobody => "no approved peer".to_owned(),
        }
    }
}

/// One factor of the product, or what could have been one.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// Who speaks.
    pub who: Who,
    /// What it weighs, 0 to 1.
    pub weight: f64,
    /// The confidence that was told.
    pub base: Confidence,
    /// Seconds since it was last seen.
    pub age: u64,
    /// `w·c(t)`, 0 to 1; zero where a note says why it does not count.
    pub contribution: f64,
    /// Why it does not count.
    pub note: Option<Note>,
}

/// Why a term does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Note {
    /// The reporter took it back.
    #[error("retracted by its reporter")]
    Retracted,
    /// It has ended.
    #[error("aged to zero")]
    Ended,
    /// Delivered only by peers that are no members now.
    #[error("delivered only by peers that are not approved")]
    NotApproved,
    /// The same speaker enters with more elsewhere.
    #[error("the same speaker counts once, with its highest")]
    CountedOnce,
    /// Imported from a node of this software, and told here already.
    #[error("imported from a DTIM node, and told by the mesh or seen here already")]
    Repeated,
    /// Hygiene hides what others say.
    #[error("hidden by hygiene")]
    Hidden,
    /// The operator voted it down.
    #[error("voted a false positive here")]
    VotedFalse,
}

/// The assessment of an indicator for one view.
#[allow(clippy::too_many_arguments)] // each is a different thing that it depends on
pub fn assess(
    value: &Value,
    evidence: &[Evidence],
    heard: &[Heard],
    attested: &[NodeId],
    trust: &Trust,
    outputs: &Outputs,
    unfit: Option<Unfit>,
    voted_false: bool,
    now: Timestamp,
) -> Assessment {
    let lifetime = lifetime(value.kind(), outputs);
    let mut terms: Vec<Term> = evidence.iter().map(|e| of_evidence(e, &lifetime, now)).collect();
    for claim in heard {
        terms.extend(of_claim(claim, trust, &lifetime, now));
    }
    if voted_false {
        void(&mut terms, Note::VotedFalse);
    } else if unfit.is_some() {
        void(&mut terms, Note::Hidden);
    }
    void_repeated(&mut terms, evidence);
    count_once(&mut terms);
    let doubt: f64 = terms.iter().map(|term| 1.0 - term.contribution).product();
    let exact = (1.0 - doubt).clamp(0.0, 1.0);
    let confidence = Confidence::from_share(exact);
    let counts = |of: fn(&Who) -> bool| terms.iter().any(|t| t.contribution > 0.0 && of(&t.who));
    let own = counts(|who| matches!(who, Who::Own));
    let mesh = counts(|who| matches!(who, Who::Member(_)));
    let imports = counts(|who| matches!(who, Who::Import));
    let mesh = if mesh { of_mesh(attested, trust) } else { 0 };
    let sources = u32::from(own) + mesh + u32::from(imports);
    let refused =
        if voted_false { Some(NotBlocked::VotedFalse) } else { unfit.map(NotBlocked::Unfit) };
    let refused = refused.or_else(|| below(value, confidence, own, sources, outputs));
    let block = refused.map_or(Block::Yes, Block::No);
    Assessment { confidence, exact, sources, block, terms }
}

/// How many sources the claims of the mesh are: one, or as many as organisations
/// attest. The one is not added to these, because what one organisation tells the
/// mesh and attests besides would then count twice.
fn of_mesh(attested: &[NodeId], trust: &Trust) -> u32 {
    let organisations: BTreeSet<&str> = attested
        .iter()
        .filter_map(|node| trust.of.get(node))
        .filter(|member| member.trust > 0.0)
        .map(|member| member.organisation.as_str())
        .collect();
    u32::try_from(organisations.len()).unwrap_or(u32::MAX).max(1)
}

/// The lifetime of the wire version, shortened for local use where configured.
fn lifetime(kind: &Kind, outputs: &Outputs) -> Lifetime {
    let lifetime = ageing::lifetime(kind);
    outputs.shorten.get(kind).map_or(lifetime, |tau| lifetime.shortened_to(*tau))
}

fn of_evidence(evidence: &Evidence, lifetime: &Lifetime, now: Timestamp) -> Term {
    // The confidence of an import is already that of its source times the trust in it.
    let who = if evidence.origin.is_own() { Who::Own } else { Who::Import };
    let mut term = term(who, 1.0, evidence.confidence, now.since(evidence.last_seen), lifetime);
    if evidence.until.is_some_and(|until| until <= now) {
        void(std::slice::from_mut(&mut term), Note::Ended);
    }
    term
}

/// What a node of this software wrote and was imported says nothing new where this node or
/// a member speaks: it may be their own word.
fn void_repeated(terms: &mut [Term], evidence: &[Evidence]) {
    let speaks = |term: &Term| matches!(term.who, Who::Own | Who::Member(_));
    if !terms.iter().any(|term| term.contribution > 0.0 && speaks(term)) {
        return;
    }
    // The terms of evidence come first, in its order.
    for (term, _) in terms
        .iter_mut()
        .zip(evidence)
        .filter(|(term, e)| e.origin == Origin::ImportOfDtim && term.contribution > 0.0)
    {
        void(std::slice::from_mut(term), Note::Repeated);
    }
}

/// One term for each member that delivered the claim.
fn of_claim(heard: &Heard, trust: &Trust, lifetime: &Lifetime, now: Timestamp) -> Vec<Term> {
    let claim = &heard.claim;
    let base = ageing::base_of(claim);
    let age = now.since(ageing::counted_from(claim));
    let mut terms: Vec<Term> = heard
        .delivered_by
        .iter()
        .filter_map(|node| Some((*node, trust.of.get(node)?.trust.clamp(0.0, 1.0))))
        .map(|(node, weight)| term(Who::Member(node), weight, base, age, lifetime))
        .collect();
    if terms.is_empty() {
        let mut nobody = term(Who::Nobody, 0.0, base, age, lifetime);
        nobody.note = Some(Note::NotApproved);
        terms.push(nobody);
    }
    if claim.retracted {
        void(&mut terms, Note::Retracted);
    } else if claim.until <= now.day() {
        void(&mut terms, Note::Ended);
    }
    terms
}

fn term(who: Who, weight: f64, base: Confidence, age: u64, lifetime: &Lifetime) -> Term {
    let share = ageing::share_at(base, age, lifetime);
    let note = (share <= 0.0).then_some(Note::Ended);
    Term { who, weight, base, age, contribution: weight * share, note }
}

fn void(terms: &mut [Term], note: Note) {
    for term in terms {
        term.contribution = 0.0;
        term.note = Some(note);
    }
}

/// Leaves each speaker its highest term.
fn count_once(terms: &mut [Term]) {
    let mut highest: BTreeMap<Who, f64> = BTreeMap::new();
    for term in terms.iter() {
        let entry = highest.entry(term.who).or_insert(0.0);
        *entry = entry.max(term.contribution);
    }
    for term in terms.iter_mut().filter(|term| term.contribution > 0.0) {
        match highest.get_mut(&term.who) {
            // The first term with the highest contribution takes it; a second one finds nothing.
            Some(most) if *most == term.contribution => *most = f64::INFINITY,
            _ => {
                term.contribution = 0.0;
                term.note = Some(Note::CountedOnce);
            }
        }
    }
}

fn below(
    value: &Value,
    confidence: Confidence,
    own: bool,
    sources: u32,
    outputs: &Outputs,
) -> Option<NotBlocked> {
    if !outputs.kinds.contains(value.kind()) {
        return Some(NotBlocked::Kind);
    }
    if confidence.percent() < outputs.threshold {
        return Some(NotBlocked::Confidence(outputs.threshold));
    }
    (!own && sources < outputs.sources).then_some(NotBlocked::Sources(outputs.sources))
}
