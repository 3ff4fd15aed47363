//! What can be wrong with a setting, and the key that was probably meant.

use std::fmt;

/// One thing that is wrong with the configuration, or that its reader should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key (`network.listen`), or the variable that set it; empty for the file as a whole.
    pub key: String,
    /// The line of the file, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.key.as_str()) {
            (Some(line), "") => write!(f, "line {line}: ")?,
            (Some(line), key) => write!(f, "line {line}, {key}: ")?,
            (None, "") => {}
            (None, key) => write!(f, "{key}: ")?,
        }
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

/// A value that a setting cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) what: String,
    pub(super) remedy: String,
}

impl Wrong {
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }

    /// `"abc" is not a number; write …`
    pub(super) fn not(given: &str, wanted: &str, remedy: impl Into<String>) -> Self {
        Self::new(format!("{given:?} is not {wanted}"), remedy)
    }
}

/// A longer text is no slip of a key, and not worth comparing.
const MAX_KEY: usize = 64;

/// The candidate that was most likely meant, if one is close enough to be worth naming.
pub(super) fn closest<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if typed.len() > MAX_KEY {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| (slips(typed, candidate), candidate))
        // Half of the letters wrong is another word.
        .filter(|(slips, candidate)| 2 * slips < candidate.chars().count().max(2))
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters must be inserted, removed or replaced, or two neighbours swapped.
fn slips(typed: &str, meant: &str) -> usize {
    let letters: Vec<char> = typed.chars().collect();
    let swapped = (1..letters.len()).map(|at| {
        let mut letters = letters.clone();
        letters.swap(at - 1, at);
        1 + distance(&String::from_iter(letters), meant)
    });
    swapped.chain([distance(typed, meant)]).min().unwrap_or(usize::MAX)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(&b) {
            let above = *cell;
            left = (diagonal + usize::from(from != *to)).min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
