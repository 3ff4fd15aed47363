//! The objects of a collection, written.

use std::sync::{Arc, OnceLock};

use crate::formats::stix::{Family, Written, indicator_alone, referred};
use crate::model::Tlp;
use crate::node::{Node, NodeError};
use crate::privacy::tlp::View;
use crate::store::Place;

/// An object.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) id: String,
    /// Its type.
    pub(super) sort: &'static str,
    /// Its version, as it stands in it.
    pub(super) version: String,
    pub(super) body: Vec<u8>,
}

/// The indicator at a place; nothing if there is nothing to show. Blocks on the disk.
pub(super) fn write(node: &Node, view: View, place: Place) -> Result<Option<Object>, NodeError> {
    let Some(sight) = node.sight(view, place)? else { return Ok(None) };
    let namespace = node.namespace(view);
    let written = indicator_alone(&namespace, Family::Two, &sight.told, sight.since, sight.added);
    let written = written.map_err(|why| NodeError::Request(why.to_string()))?;
    Ok(Some(of("indicator", written)))
}

/// What the objects of a view refer to: the author and definition of our extension, and
/// the markings that it shows.
pub(super) fn fixed(view: View) -> impl Iterator<Item = Arc<Object>> {
    static ALL: OnceLock<Vec<(Option<Tlp>, Arc<Object>)>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        // They are constants; that they can be written is a test's to show.
        let common = referred(Family::Two, []).unwrap_or_default();
        let count = common.len();
        let markings = referred(Family::Two, Tlp::ALL).unwrap_or_default().into_iter().skip(count);
        let markings = markings.zip(Tlp::ALL).map(|(object, tlp)| (Some(tlp), object));
        let all = common.into_iter().map(|object| (None, object)).chain(markings);
        all.map(|(tlp, object)| (tlp, Arc::new(fixed_of(object)))).collect()
    });
    let shown = all.iter().filter(move |(tlp, _)| tlp.is_none_or(|tlp| view.shows(tlp)));
    shown.map(|(_, object)| Arc::clone(object))
}

fn fixed_of(written: Written) -> Object {
    let sorts = ["identity", "extension-definition", "marking-definition"];
    let sort = sorts.into_iter().find(|sort| written.id.starts_with(sort));
    of(sort.unwrap_or_default(), written)
}

fn of(sort: &'static str, Written { id, version, body }: Written) -> Object {
    Object { id, sort, version, body }
}
