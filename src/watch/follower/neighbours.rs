//! A log that stands still while another one grows beside it: a reload can
//! silently give a program's log another name, and then nobody reads it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{Follower, Names};

/// How long a log may stand still before its neighbours are looked at.
const STILL: Duration = Duration::from_secs(600);
/// How often they are.
const EVERY: Duration = Duration::from_secs(60);
/// Neighbours that are named at most.
const MAX_NEIGHBOURS: usize = 16;

impl Follower {
    /// Files that are followed by themselves: that they grow is no news.
    pub(in crate::watch) fn pass_over(&mut self, followed: &[PathBuf]) {
        let beside = followed.iter().filter(|path| path.parent() == Some(self.folder.path()));
        let names =
            beside.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        self.others.extend(names);
    }

    /// Warns, once for each, about files that grow in the place of the log.
    pub(super) fn look_beside(&mut self, now: Instant) {
        let Names::One(name) = &self.names else { return };
        let Some(file) = self.current.get(name) else { return };
        let looked = self.looked_beside.unwrap_or(file.grew);
        if now.duration_since(file.grew) < STILL
            || (looked > file.grew && now.duration_since(looked) < EVERY)
        {
            return;
        }
        self.looked_beside = Some(now);
        let growing = self.folder.neighbours(name, file.modified());
        for neighbour in growing.into_iter().filter(|name| !self.others.contains(name)) {
            if self.named.len() >= MAX_NEIGHBOURS || !self.named.insert(neighbour.clone()) {
                continue;
            }
            tracing::warn!(
                source = %self.source, log = self.target, neighbour,
                "a followed log stands still while a file beside it grows: check the path of \
                 this source in [watchers] and where the program writes (fail2ban: \
                 `fail2ban-client get logtarget`)"
            );
            self.metrics.tail_events.with_label_values(&[self.source.name(), "neighbour"]).inc();
        }
    }
}
