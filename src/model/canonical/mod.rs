//! The canonical forms, one file a family. Each is idempotent: the form of a form is itself.

pub(super) mod address;
pub(super) mod name;
pub(super) mod refang;
pub(super) mod text;
