//! STUB
#![allow(missing_docs)]
use crate::hygiene::Unfit;
use crate::model::*;
use std::collections::{BTreeMap, BTreeSet};
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    pub claim: Claim,
    pub pseudonym: Pseudonym,
    pub content: ContentId,
    pub delivered_by: BTreeSet<NodeId>,
    pub received: Timestamp,
}
pub fn merge(a: Heard, _b: Heard) -> Heard {
    a
}
#[derive(Clone, Debug, Default)]
pub struct Trust {
    pub of: BTreeMap<NodeId, Member>,
}
#[derive(Clone, Debug)]
pub struct Member {
    pub trust: f64,
    pub organisation: String,
}
#[derive(Clone, Debug)]
pub struct Outputs {
    pub threshold: u8,
    pub sources: u32,
    pub kinds: BTreeSet<Kind>,
    pub shorten: BTreeMap<Kind, u64>,
}
#[derive(Clone, Debug)]
pub enum Block {
    Yes,
    No(String),
}
#[derive(Clone, Debug)]
pub struct Who;
impl Who {
    pub fn describe(&self, _f: impl Fn(NodeId) -> String) -> String {
        String::new()
    }
}
#[derive(Clone, Debug)]
pub struct Term {
    pub who: Who,
    pub weight: f64,
    pub base: Confidence,
    pub age: u64,
    pub contribution: f64,
    pub note: Option<String>,
}
#[derive(Clone, Debug)]
pub struct Assessment {
    pub confidence: Confidence,
    pub exact: f64,
    pub sources: u32,
    pub block: Block,
    pub terms: Vec<Term>,
}
pub fn assess(
    _v: &Value,
    _e: &[Evidence],
    _h: &[Heard],
    _t: &Trust,
    _o: &Outputs,
    _u: Option<Unfit>,
    _f: bool,
    _n: Timestamp,
) -> Assessment {
    Assessment {
        confidence: Confidence::ZERO,
        exact: 0.0,
        sources: 0,
        block: Block::Yes,
        terms: vec![],
    }
}
