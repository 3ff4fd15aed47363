//! How far a foreign object may travel.

use super::super::tlp;
use super::refusal::Refusal;
use super::shape::{Granular, Marking, Text};
use crate::model::Tlp;

/// The marking of an object: that of the fixed TLP objects it refers to, also from a part of
/// it, and of labels such as `tlp:amber`. None if it refers to nothing. Whatever else it
/// refers to, and markings that contradict each other, make it red: guessing wider would leak.
pub(super) fn of(refs: &[Text<'_>], parts: &[Granular<'_>], labels: &[Text<'_>]) -> Option<Tlp> {
    let of_parts = parts.iter().filter_map(|part| part.marking_ref.as_ref());
    let by_ref = refs.iter().chain(of_parts).map(|id| tlp::of(&id.0).unwrap_or(Tlp::Red));
    let by_label = labels.iter().filter_map(|label| {
        let label = label.0.trim();
        let marks = label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("tlp:"));
        marks.then(|| Tlp::from_marking(label))
    });
    by_ref.chain(by_label).reduce(|a, b| if a == b { a } else { Tlp::Red })
}

/// A marking-definition must not say something else than its id stands for.
pub(super) fn check(id: &str, object: &str) -> Result<(), Refusal> {
    let Some(fixed) = tlp::of(id) else { return Ok(()) };
    let marking: Marking<'_> =
        serde_json::from_str(object).map_err(|error| Refusal::json(&error))?;
    let by_type = marking.definition_type.is_some_and(|language| language.0 == "tlp");
    let old = marking.definition.and_then(|definition| definition.tlp).filter(|_| by_type);
    let new = marking.extensions.tlp_2.map(|extension| extension.tlp_2_0);
    let mut said = old.into_iter().chain(new).peekable();
    if said.peek().is_some() && said.all(|name| Tlp::from_marking(&name) == fixed) {
        return Ok(());
    }
    Err(Refusal::Marking)
}
