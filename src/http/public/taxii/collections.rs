//! The collections: one for each view, and the inbox.

use super::access::Who;
use super::error::Refused;
use crate::formats::taxii::{Collection, STIX_MEDIA_TYPE};
use crate::node::Node;
use crate::privacy::tlp::View;

/// A collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shelf {
    /// What a view shows.
    View(View),
    /// Where others write to.
    Inbox,
}

impl Shelf {
    /// Every collection.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        View::ALL.into_iter().map(Self::View).chain([Self::Inbox])
    }

    /// The name that stands for the id in paths.
    fn alias(self) -> &'static str {
        match self {
            Self::View(view) => view.name(),
            Self::Inbox => "inbox",
        }
    }

    /// The collection of an id or a name, if the reader may know of it.
    pub(super) fn named(node: &Node, name: &str, who: &Who) -> Result<Self, Refused> {
        Self::all()
            .find(|shelf| {
                shelf.alias() == name || node.secret_uuid(shelf.alias()).to_string() == name
            })
            .filter(|shelf| who.knows(*shelf))
            .ok_or_else(|| Refused::not_found("there is no such collection"))
    }

    /// The view that can be read here.
    pub(super) fn readable(self) -> Result<View, Refused> {
        match self {
            Self::View(view) => Ok(view),
            Self::Inbox => Err(Refused::forbidden("this collection can only be written to")),
        }
    }
}

/// A collection, as its reader sees it.
pub(super) fn describe(node: &Node, shelf: Shelf, who: &Who) -> Collection {
    let (title, description) = match shelf {
        Shelf::View(View::Public) => ("White", "What may be told to everybody (TLP:CLEAR)."),
        Shelf::View(View::Green) => ("Green", "What may be told to the community (TLP:GREEN)."),
        Shelf::View(View::Amber) => ("Amber", "And what is for this organisation (TLP:AMBER)."),
        Shelf::View(View::Red) => ("Red", "All that this node knows (TLP:RED)."),
        Shelf::Inbox => ("Inbox", "Indicators for this node: they count as imports."),
    };
    Collection {
        id: node.secret_uuid(shelf.alias()).to_string(),
        title: title.to_owned(),
        description: Some(description.to_owned()),
        alias: Some(shelf.alias().to_owned()),
        can_read: who.reads(shelf),
        can_write: who.writes(shelf),
        media_types: vec![STIX_MEDIA_TYPE.to_owned()],
    }
}
