//! One text against the patterns of many rules, at once.
//!
//! Owns how texts are searched: a few words are compared, more or others are one automaton.
//! It must never take a text for one that differs from it in more than the case of letters.

use std::collections::BTreeMap;

use aho_corasick::automaton::Automaton;
use aho_corasick::dfa::DFA;
use aho_corasick::nfa::{contiguous, noncontiguous};
use aho_corasick::{Anchored, MatchKind};

use super::matcher::{Parts, RuleSet, Sets, part_mut, possible};
use super::memo::Memo;
use super::rule::Part;
use crate::parse::{Escape, Text};

/// More pattern bytes than this, and the automaton is the smaller, slower kind.
const DENSE_BYTES: usize = 16 * 1024;

/// So many words are compared one by one.
const MAX_WORDS: usize = 16;

/// What the rules ask about the text of one field.
pub(super) struct Texts {
    find: Find,
    /// The field is a request's path.
    path: bool,
    /// The rules possible for a text that meets nothing.
    without: RuleSet,
    memo: Memo<RuleSet>,
}

enum Find {
    /// Whole texts, each with the rules that are possible then.
    Words(Vec<(String, RuleSet)>),
    Patterns(Box<Patterns>),
}

/// One automaton over all patterns of a field.
struct Patterns {
    automaton: Automata,
    patterns: Vec<Pattern>,
    /// The rules that want nothing to be there.
    empty: Parts,
    /// The rules that ask.
    asked: Parts,
}

/// Texts are walked through it byte by byte: the library's own searches take longer to begin
/// than most texts to walk.
enum Automata {
    Dense(DFA),
    Small(contiguous::NFA),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    part: Part,
    at_start: bool,
    at_end: bool,
}

struct Pattern {
    place: Place,
    length: usize,
    rules: Sets,
}

/// Every pattern once, with the rules that name it.
pub(super) type Literals = BTreeMap<(String, Place), Sets>;

pub(super) fn add(
    literals: &mut Literals,
    patterns: &[String],
    part: Part,
    (at_start, at_end): (bool, bool),
    sets: Sets,
) {
    for pattern in patterns {
        let place = Place { part, at_start, at_end };
        literals.entry((pattern.to_ascii_lowercase(), place)).or_default().add(sets);
    }
}

impl Texts {
    /// None if the rules ask for nothing. A path's percent signs are decoded, and it has parts.
    pub(super) fn new(asked: Parts, literals: Literals, path: bool) -> Option<Self> {
        let only_words = !path && literals.keys().all(|(_, place)| place.at_start && place.at_end);
        let find = if literals.is_empty() {
            return None;
        } else if only_words && literals.len() <= MAX_WORDS {
            let met = |sets| [sets, Sets::default(), Sets::default()];
            let words = literals.into_iter();
            Find::Words(
                words.map(|((word, _), sets)| (word, possible(&asked, &met(sets)))).collect(),
            )
        } else {
            Find::Patterns(Box::new(Patterns::new(asked, literals)?))
        };
        Some(Self { find, path, without: possible(&asked, &Parts::default()), memo: Memo::new() })
    }

    /// The rules that a text leaves possible, those that do not ask among them. In parts,
    /// because these fit into registers.
    pub(super) fn possible(
        &mut self,
        raw: &[u8],
        escape: Escape,
        scratch: &mut Vec<u8>,
    ) -> RuleSet {
        let text = Text::new(raw, escape);
        match &self.find {
            Find::Words(words) => {
                let (bytes, _) = plain(text, false, scratch);
                let word =
                    words.iter().find(|(word, _)| word.as_bytes().eq_ignore_ascii_case(bytes));
                word.map_or(self.without, |(_, rules)| *rules)
            }
            Find::Patterns(patterns) => self.memo.of(text, || {
                let (bytes, file) = plain(text, self.path, scratch);
                patterns
                    .met(bytes, file)
                    .map_or(self.without, |met| possible(&patterns.asked, &met))
            }),
        }
    }
}

impl Patterns {
    fn new(asked: Parts, places: Literals) -> Option<Self> {
        let mut empty = Parts::default();
        let (mut literals, mut patterns) = (Vec::new(), Vec::new());
        for ((literal, place), rules) in places {
            if literal.is_empty() {
                part_mut(&mut empty, place.part).add(rules);
            } else {
                patterns.push(Pattern { place, length: literal.len(), rules });
                literals.push(literal);
            }
        }
        // Building fails only beyond 2^31 states; `rules::MAX_PATTERN_BYTES` is far below.
        Some(Self { automaton: Automata::new(&literals)?, patterns, empty, asked })
    }

    /// What a text meets, if anything. `file` is where the question mark stands, or the length.
    fn met(&self, text: &[u8], file: usize) -> Option<Parts> {
        let mut met = None;
        let bounds = |part| match part {
            Part::Whole => (0, text.len()),
            Part::File => (0, file),
            Part::Query => ((file + 1).min(text.len()), text.len()),
        };
        self.automaton.each(text, |pattern, end| {
            let Some(pattern) = self.patterns.get(pattern) else { return };
            let Place { part, at_start, at_end } = pattern.place;
            let (low, high) = bounds(part);
            let start = end.saturating_sub(pattern.length);
            let inside = start >= low && end <= high;
            if inside && (!at_start || start == low) && (!at_end || end == high) {
                part_mut(met.get_or_insert_default(), part).add(pattern.rules);
            }
        });
        for (part, empty) in [Part::Whole, Part::File, Part::Query].into_iter().zip(self.empty) {
            let (low, high) = bounds(part);
            if low == high && empty != Sets::default() {
                part_mut(met.get_or_insert_default(), part).add(empty);
            }
        }
        met
    }
}

impl Automata {
    fn new(literals: &[String]) -> Option<Self> {
        let bytes: usize = literals.iter().map(String::len).sum();
        let tree = noncontiguous::Builder::new()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .prefilter(false)
            .build(literals)
            .ok()?;
        Some(if bytes <= DENSE_BYTES {
            Self::Dense(DFA::builder().build_from_noncontiguous(&tree).ok()?)
        } else {
            Self::Small(contiguous::NFA::builder().build_from_noncontiguous(&tree).ok()?)
        })
    }

    /// Tells each pattern that ends in the text, with its end.
    fn each(&self, text: &[u8], found: impl FnMut(usize, usize)) {
        match self {
            Self::Dense(automaton) => walk(automaton, text, found),
            Self::Small(automaton) => walk(automaton, text, found),
        }
    }
}

#[inline]
fn walk(automaton: &impl Automaton, text: &[u8], mut found: impl FnMut(usize, usize)) {
    let Ok(mut state) = automaton.start_state(Anchored::No) else { return };
    for (at, byte) in text.iter().enumerate() {
        state = automaton.next_state(Anchored::No, state, *byte);
        // Without a prefilter only ends of patterns are special.
        if automaton.is_special(state) && automaton.is_match(state) {
            for index in 0..automaton.match_len(state) {
                found(automaton.match_pattern(state, index).as_usize(), at + 1);
            }
        }
    }
}

/// The text as rules see it: the log's escapes resolved, and a path's percent signs
/// once. With it, where a path's query begins (its length, if it has none).
fn plain<'b>(text: Text<'b>, path: bool, scratch: &'b mut Vec<u8>) -> (&'b [u8], usize) {
    let raw = text.raw();
    let mark = |bytes| if path { memchr::memchr(b'?', bytes) } else { None };
    if text.is_plain() && !(path && raw.contains(&b'%')) {
        return (raw, mark(raw).unwrap_or(raw.len()));
    }
    scratch.clear();
    text.decode_into(scratch);
    // The server splits before it decodes: `%3F` is no question mark.
    let file = mark(scratch).unwrap_or(scratch.len());
    let file = if path { decode_percent(scratch, file) } else { file };
    (scratch, file)
}

/// Decodes in place; gives where `mark` has moved to.
fn decode_percent(bytes: &mut Vec<u8>, mark: usize) -> usize {
    let (mut read, mut write, mut moved) = (0, 0, None);
    while let Some(byte) = bytes.get(read).copied() {
        if read >= mark && moved.is_none() {
            moved = Some(write);
        }
        let decoded = (byte == b'%').then(|| {
            let digit = |at| bytes.get(at).and_then(|digit| char::from(*digit).to_digit(16));
            let value = digit(read + 1)? << 4 | digit(read + 2)?;
            u8::try_from(value).ok()
        });
        let (byte, step) = match decoded.flatten() {
            Some(decoded) => (decoded, 3),
            None => (byte, 1),
        };
        if let Some(slot) = bytes.get_mut(write) {
            *slot = byte;
        }
        write += 1;
        read += step;
    }
    bytes.truncate(write);
    moved.unwrap_or(write)
}
