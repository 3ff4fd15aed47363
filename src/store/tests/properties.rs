//! Whatever is written in whatever calls, with the store opened again in
//! between: it holds what a map in memory holds.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::{Just, ProptestConfig, Strategy, prop_oneof, proptest};

use super::{Bench, NOW, claim, ip, node, sighting};
use crate::assess::{self, Heard};
use crate::model::{Audience, Evidence, IndicatorId, Origin, Pseudonym, Scope, Tlp};
use crate::store::{Change, Filter, StoreError};

#[derive(Clone, Debug)]
enum Op {
    Saw {
        n: u32,
        origin: Origin,
        at: u64,
        tlp: Tlp,
    },
    /// Reporter 1 is this node: its claims come back.
    Heard {
        n: u32,
        reporter: u8,
        revision: u64,
        from: u8,
    },
    Own {
        n: u32,
        audience: Audience,
        revision: u64,
    },
}

impl Op {
    fn change(&self) -> Change {
        match *self {
            Self::Saw { n, origin, at, tlp } => {
                let mut seen = sighting(ip(n), NOW.plus(at));
                seen.origin = origin;
                seen.scope = Scope::new(tlp, ["node-2".to_owned()]);
                Change::Sighting(seen)
            }
            Self::Heard { n, reporter, revision, from } => {
                super::heard(&claim(&ip(n), Tlp::Green, NOW, revision), reporter, from)
            }
            Self::Own { n, audience, revision } => {
                super::own(&claim(&ip(n), Tlp::Green, NOW, revision), audience)
            }
        }
    }
}

fn op() -> impl Strategy<Value = Op> {
    let origin = || prop_oneof![Just(Origin::Manual), Just(Origin::Import)];
    let tlp = || prop_oneof![Just(Tlp::White), Just(Tlp::Green), Just(Tlp::Red)];
    let audience = || prop_oneof![Just(Audience::Mesh), Just(Audience::Peer(node(3)))];
    let n = 0..3_u32;
    prop_oneof![
        3 => (n.clone(), origin(), 0..99_u64, tlp())
            .prop_map(|(n, origin, at, tlp)| Op::Saw { n, origin, at, tlp }),
        3 => (n.clone(), 1..4_u8, 0..4_u64, 11..14_u8)
            .prop_map(|(n, reporter, revision, from)| Op::Heard { n, reporter, revision, from }),
        1 => (n, audience(), 0..4_u64)
            .prop_map(|(n, audience, revision)| Op::Own { n, audience, revision }),
    ]
}

/// What the store must hold.
#[derive(Clone, Debug, Default)]
struct Model {
    /// Of imports, each marking by itself.
    evidence: BTreeMap<(IndicatorId, Origin, Option<Tlp>), Evidence>,
    /// With whether it is our own.
    claims: BTreeMap<(IndicatorId, Pseudonym), (Heard, bool)>,
    sent: BTreeMap<(IndicatorId, Audience), Pseudonym>,
    listed: BTreeSet<IndicatorId>,
}

impl Model {
    /// `None` if the whole call must be refused.
    fn after(&self, call: &[Op]) -> Option<Self> {
        let mut model = self.clone();
        for op in call {
            model.apply(op)?;
        }
        Some(model)
    }

    fn apply(&mut self, op: &Op) -> Option<()> {
        match op.change() {
            Change::Sighting(seen) => {
                self.listed.insert(seen.value.id());
                let import = (!seen.origin.is_own()).then(|| seen.scope.tlp());
                let key = (seen.value.id(), seen.origin, import);
                let fresh = Evidence::from_sighting(seen);
                match self.evidence.get_mut(&key) {
                    None => {
                        self.evidence.insert(key, fresh);
                    }
                    Some(kept) => {
                        let scope = kept.scope.clone();
                        kept.absorb(fresh);
                        // How far that may travel is the operator's word.
                        if kept.origin == Origin::Manual {
                            kept.scope = scope;
                        }
                    }
                }
            }
            Change::Heard { verified, from, .. } => {
                let came =
                    heard(verified.claim().clone(), verified.pseudonym(), verified.content());
                let came = Heard { delivered_by: [from].into(), ..came };
                let key = (came.claim.indicator(), came.pseudonym);
                let own = self.claims.get(&key).is_some_and(|(_, own)| *own);
                let merged = match self.claims.remove(&key) {
                    None => came,
                    Some((kept, _)) => assess::merge(kept, came),
                };
                self.claims.insert(key, (merged, own));
                if !own {
                    self.listed.insert(key.0);
                }
            }
            Change::Own { signed, audience, .. } => {
                let key = (signed.claim().indicator(), signed.pseudonym());
                let made = heard(signed.claim().clone(), signed.pseudonym(), signed.content());
                let kept = self.claims.get(&key);
                if kept.is_some_and(|(kept, _)| kept.claim.revision >= made.claim.revision) {
                    return None;
                }
                self.claims.insert(key, (made, true));
                self.sent.insert((key.0, audience), key.1);
            }
            other => unreachable!("{other:?}"),
        }
        Some(())
    }

    fn check(&self, bench: &Bench) {
        let store = bench.store();
        for id in (0..3).map(|n| ip(n).id()) {
            let mut evidence = store.evidence(id).unwrap();
            evidence.sort_by_key(|evidence| (evidence.origin, evidence.scope.tlp()));
            let kept = self.evidence.iter().filter(|((of, _, _), _)| *of == id);
            assert_eq!(evidence, kept.map(|(_, kept)| kept.clone()).collect::<Vec<_>>());

            let mut claims = store.heard(id).unwrap();
            claims.sort_by_key(|heard| heard.pseudonym);
            let others = self.claims.iter().filter(|((of, _), (_, own))| *of == id && !own);
            assert_eq!(claims, others.map(|(_, (heard, _))| heard.clone()).collect::<Vec<_>>());

            for audience in [Audience::Mesh, Audience::Peer(node(3))] {
                let own = store.own(id, audience).unwrap().map(|own| (own.claim, own.content));
                let sent = self.sent.get(&(id, audience)).map(|by| &self.claims[&(id, *by)].0);
                assert_eq!(own, sent.map(|kept| (kept.claim.clone(), kept.content)));
            }
        }
        let page = store.indicators(&Filter { limit: 9, ..Filter::default() });
        assert_eq!(page.rows.iter().map(|row| row.id).collect::<BTreeSet<_>>(), self.listed);
    }
}

fn heard(
    claim: crate::model::Claim,
    pseudonym: Pseudonym,
    content: crate::model::ContentId,
) -> Heard {
    Heard { claim, pseudonym, content, delivered_by: BTreeSet::new(), received: NOW }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Several calls are handed over at once, so that they share groups.
    #[test]
    fn the_store_holds_what_a_map_holds(
        rounds in proptest::collection::vec(
            proptest::collection::vec(proptest::collection::vec(op(), 1..4), 1..8),
            1..6,
        )
    ) {
        let mut bench = Bench::new();
        let mut model = Model::default();
        for calls in rounds {
            let receipts: Vec<_> = calls
                .iter()
                .map(|call| bench.store().write(call.iter().map(Op::change).collect()))
                .collect();
            for (call, receipt) in calls.iter().zip(receipts) {
                let answer = receipt.wait();
                match model.after(call) {
                    Some(next) => {
                        assert_eq!(answer.unwrap().len(), call.len());
                        model = next;
                    }
                    None => assert_eq!(answer, Err(StoreError::Overtaken)),
                }
            }
            model.check(&bench);
            bench.reopen();
            model.check(&bench);
        }
    }
}
