//! From what a node knows of an indicator to what one view tells of it.
//!
//! Owns the rule that a view shows what a node would show that never had what is hidden from
//! it: everything here is worked out from what the privacy filter lets through, the numbers
//! and the times as well.

use std::collections::BTreeSet;

use super::{Sightings, Told};
use crate::ageing;
use crate::assess::{Assessment, Heard, Outputs, Trust, assess};
use crate::hygiene::{Lists, Unfit};
use crate::model::{
    Claim, Evidence, Generation, Level, MAX_CUSTOM_FIELDS, MAX_TAGS, NodeId, Origin, Recipients,
    Scope, SightingsBucket, Timestamp, Tlp, Value,
};
use crate::privacy::tlp::{ClientScope, Path, allows, shows};
use crate::privacy::{Policy, pass_on, show};

/// Who looks, and by which rules.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The way on which it leaves.
    pub path: Path,
    /// What may be told, and how much of it.
    pub policy: &'a Policy,
    /// What must not be an indicator here.
    pub lists: &'a Lists,
    /// What each member's word weighs.
    pub trust: &'a Trust,
    /// How confidence is worked out.
    pub outputs: &'a Outputs,
}

/// What a node knows of an indicator.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// The indicator.
    pub value: &'a Value,
    /// What it saw and imported.
    pub evidence: &'a [Evidence],
    /// What others told.
    pub heard: &'a [Heard],
    /// The members that say they saw it themselves.
    pub attested: &'a [NodeId],
    /// Why it is held back, if it is.
    pub unfit: Option<Unfit>,
    /// The operator says that it is none.
    pub voted_false: bool,
    /// Which of its own words to the community it speaks of now: it rises each time that
    /// something taken back is told again.
    pub generation: Generation,
    /// It took back the last of them.
    pub retraction: Option<Retraction>,
}

/// An own word to the community that was taken back.
#[derive(Clone, Debug)]
pub struct Retraction {
    /// The claim that takes it back.
    pub claim: Claim,
    /// When that was.
    pub at: Timestamp,
}

/// Origins that speak with one voice each.
const VOICES: [fn(Origin) -> bool; 3] = [
    Origin::is_own,
    |origin| matches!(origin, Origin::Import),
    |origin| matches!(origin, Origin::ImportOfDtim),
];

impl View<'_> {
    /// What the view tells of an indicator now; nothing, if it may know nothing that still
    /// weighs something.
    pub fn tell(&self, known: &Known<'_>, now: Timestamp) -> Option<Told> {
        self.tell_why(known, now).map(|(told, _)| told)
    }

    /// As [`View::tell`], with the assessment behind its confidence; none of what is taken
    /// back.
    pub fn tell_why(
        &self,
        known: &Known<'_>,
        now: Timestamp,
    ) -> Option<(Told, Option<Assessment>)> {
        let seen: Vec<(Origin, Claim)> =
            VOICES.iter().filter_map(|voice| self.seen(known, *voice, now)).collect();
        let heard: Vec<Heard> =
            known.heard.iter().filter_map(|heard| self.heard(heard, now)).collect();
        let claims: Vec<&Claim> =
            seen.iter().map(|(_, claim)| claim).chain(heard.iter().map(|h| &h.claim)).collect();
        if claims.is_empty() {
            return taken_back(known, self.path, now).map(|told| (told, None));
        }
        let evidence: Vec<Evidence> =
            seen.iter().map(|(origin, claim)| as_evidence(*origin, claim)).collect();
        let at = self.version(&evidence, &heard, now);
        // It is said of what left for the mesh, as green or white.
        let attested = if allows(Tlp::Green, self.path) { known.attested } else { &[] };
        let assessment = assess(
            known.value,
            &evidence,
            &heard,
            attested,
            self.trust,
            self.outputs,
            known.unfit.clone(),
            known.voted_false,
            at,
        );
        if assessment.exact <= 0.0 {
            return None;
        }
        let mut told = combined(known, &claims, at);
        if self.policy.level >= Level::Moderate {
            told.confidence = Some(assessment.confidence);
        }
        if self.policy.level == Level::Open {
            told.recipients = self.recipients(known);
            let count = claims.iter().filter_map(|claim| claim.sightings);
            let count = count.map(SightingsBucket::floor).sum::<u64>();
            let last = claims.iter().map(|claim| ageing::counted_from(claim)).max();
            let last = last.unwrap_or_default().max(told.created);
            let count = SightingsBucket::of(count).floor();
            told.sightings = Some(Sightings { count, first: told.created, last });
        }
        Some((told, Some(assessment)))
    }

    /// What one voice among the evidence says.
    fn seen(
        &self,
        known: &Known<'_>,
        voice: fn(Origin) -> bool,
        now: Timestamp,
    ) -> Option<(Origin, Claim)> {
        let all: Vec<Evidence> =
            known.evidence.iter().filter(|e| voice(e.origin)).cloned().collect();
        let origin = all.first()?.origin;
        Some((origin, show(&all, self.path, self.policy, self.lists, now).ok()?))
    }

    /// What the view may know of another's claim, if it weighs anything.
    fn heard(&self, heard: &Heard, now: Timestamp) -> Option<Heard> {
        let weighs = |node| self.trust.of.get(node).is_some_and(|member| member.trust > 0.0);
        let live = !heard.claim.retracted && heard.claim.until > now.day();
        if !live || !heard.delivered_by.iter().any(weighs) {
            return None;
        }
        let claim = pass_on(&heard.claim, self.path, self.policy)?;
        Some(Heard { claim, ..heard.clone() })
    }

    /// Since when what is told is as it is: the last time that something came or aged by a step.
    fn version(&self, evidence: &[Evidence], heard: &[Heard], now: Timestamp) -> Timestamp {
        let crossed = |value: &Value, base, from| {
            let lifetime = ageing::lifetime(value.kind());
            let shorter = self.outputs.shorten.get(value.kind());
            let lifetime = shorter.map_or(lifetime, |tau| lifetime.shortened_to(*tau));
            ageing::last_crossing(base, from, &lifetime, now)
        };
        let seen = evidence.iter().map(|e| crossed(&e.value, e.confidence, e.last_seen));
        let told = heard.iter().map(|h| {
            let base = ageing::base_of(&h.claim);
            let came = if self.policy.level == Level::Strict { Timestamp(0) } else { h.received };
            crossed(&h.claim.value, base, ageing::counted_from(&h.claim)).max(came)
        });
        seen.chain(told).max().unwrap_or_default().min(now)
    }

    /// Whom the own evidence that is shown is limited to. Names leave for the own
    /// organisation's clients only.
    fn recipients(&self, known: &Known<'_>) -> BTreeSet<String> {
        if !matches!(self.path, Path::Client(ClientScope::Amber | ClientScope::Red)) {
            return BTreeSet::new();
        }
        let scopes = known.evidence.iter().map(|e| &e.scope).filter(|s| shows(s, self.path));
        let strictest = scopes.cloned().reduce(|a, b| a.strictest(&b));
        match strictest.as_ref().map(Scope::recipients) {
            Some(Recipients::Only(names)) => names.clone(),
            _ => BTreeSet::new(),
        }
    }
}

/// What was shown of evidence, to be assessed: no number comes from what is hidden.
fn as_evidence(origin: Origin, claim: &Claim) -> Evidence {
    let from = ageing::counted_from(claim);
    Evidence {
        value: claim.value.clone(),
        origin,
        first_seen: claim.created.unwrap_or(from).min(from),
        last_seen: from,
        until: Some(claim.until.start()),
        count: 1,
        confidence: ageing::base_of(claim),
        tags: BTreeSet::new(),
        scope: Scope::private(),
        custom: claim.custom.clone(),
    }
}

fn combined(known: &Known<'_>, claims: &[&Claim], at: Timestamp) -> Told {
    let created = claims.iter().map(|c| c.created.unwrap_or_else(|| ageing::counted_from(c)));
    let created = created.min().unwrap_or(at).min(at);
    let until = claims.iter().map(|claim| claim.until).max().unwrap_or_default().start();
    let tags: BTreeSet<_> = claims.iter().flat_map(|claim| &claim.tags).cloned().collect();
    let custom = claims.iter().flat_map(|claim| &claim.custom);
    Told {
        value: known.value.clone(),
        tlp: claims.iter().map(|claim| claim.tlp).max().unwrap_or(Tlp::Red),
        recipients: BTreeSet::new(),
        confidence: None,
        created,
        modified: at,
        until: until.max(created.plus(1)),
        tags: tags.into_iter().take(MAX_TAGS).collect(),
        sightings: None,
        custom: custom
            .map(|(name, value)| (name.clone(), value.clone()))
            .take(MAX_CUSTOM_FIELDS)
            .collect(),
        revoked: false,
        generation: known.generation,
    }
}

/// What was told and is told no more, until it would have ended.
fn taken_back(known: &Known<'_>, path: Path, now: Timestamp) -> Option<Told> {
    let Retraction { claim, at } = known.retraction.as_ref()?;
    if !allows(claim.tlp, path) || claim.until <= now.day() {
        return None;
    }
    let from = ageing::strict_modified(claim.value.kind(), claim.until);
    let mut told = combined(known, &[claim], (*at).max(from));
    told.revoked = true;
    Some(told)
}
