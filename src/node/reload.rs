//! Taking over a changed configuration while running (SIGHUP).
//!
//! Either everything that can be taken over is, or, if the file is wrong,
//! nothing is.

use std::sync::Arc;

use super::peers::Member;
use super::{Node, NodeError, clock};
use crate::config::Loaded;
use crate::mesh::Role;
use crate::store::Change;
use crate::tls;

/// What a reload did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Keys that changed but need a restart.
    pub needs_restart: Vec<String>,
    /// Members that the file no longer names.
    pub members_gone: usize,
    /// Members that the file names newly or with other settings.
    pub members_changed: usize,
}

impl Node {
    /// Takes over what can be taken over of a configuration that parsed.
    pub async fn reload(&self, next: Loaded) -> Result<Reloaded, NodeError> {
        let old = self.live();
        let needs_restart =
            old.loaded.needs_restart(&next).into_iter().map(str::to_owned).collect();
        let live = self.blocking(move |_| old.reloaded(next)).await?;
        if let Some(keeper) = self.inner.keeper.clone() {
            let settings = tls::Settings::of(&live.config);
            // If it fails, nothing else has changed yet.
            self.blocking(move |_| Ok(keeper.reload(settings, clock::now())?)).await?;
        }
        let before: Vec<Member> = self.book().members().cloned().collect();
        let after: Vec<Member> = {
            let mut book = self.book();
            book.set_configured(live.configured_members(self.inner.id));
            book.members().cloned().collect()
        };
        self.inner.live.send_replace(Arc::new(live));
        let mut reloaded = Reloaded { needs_restart, ..Reloaded::default() };
        for member in &before {
            if !after.iter().any(|other| other.node == member.node) {
                self.inner.mesh.set_role(member.node, Role::Stranger, Vec::new()).await?;
                self.write(vec![Change::OutboxDrop(member.node)]).await?;
                reloaded.members_gone += 1;
            }
        }
        if reloaded.members_gone > 0 {
            self.orphan().await?;
        }
        for member in after {
            if !before.contains(&member) {
                self.inner.mesh.set_role(member.node, Role::Member, member.addresses).await?;
                reloaded.members_changed += 1;
            }
        }
        Ok(reloaded)
    }
}
