//! Changes as a view sees them, in their order.

use super::query::Listed;
use super::{Node, NodeError};
use crate::privacy::tlp::View;

#[cfg(test)]
mod tests;

impl Node {
    /// The stamp of the last change that a view sees.
    pub async fn newest(&self, view: View) -> Result<u64, NodeError> {
        self.blocking(move |node| Ok(node.inner.store.newest(view))).await
    }

    /// What changed in a view after a stamp, the oldest change first, each with its stamp.
    pub async fn changed(
        &self,
        view: View,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Listed)>, NodeError> {
        self.blocking(move |node| {
            let mut changed = Vec::new();
            for row in node.inner.store.changed(view, after, limit) {
                if let Some(found) = node.find_value(row.value, view)? {
                    changed.push((row.added, found.listed));
                }
            }
            Ok(changed)
        })
        .await
    }
}
