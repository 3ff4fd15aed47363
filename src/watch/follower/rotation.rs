//! Which files a target's names stand for: found at the start, rotated away,
//! emptied, let go.
//!
//! Two files are told apart by their numbers while one of them is open, because
//! the system gives those of an open file to no other. Which rotated files came
//! between two that we know is told by when they were last written; the system's
//! clock for that stands still for some milliseconds, so files of the same
//! moment count as newer unless they are known.

use std::collections::BTreeMap;
use std::time::Instant;

use super::{Follower, GRACE, MAX_DONE, MAX_ROTATED, Names};
use crate::watch::From;
use crate::watch::checkpoint::{Checkpoint, Modified, Place};
use crate::watch::file::{Followed, Rewritten};
use crate::watch::folder::MAX_NAMES;
use crate::watch::open::{NotOpened, Opened};

/// Looks in a row at a folder whose names change while they are looked at.
const TRIES: usize = 8;

impl Follower {
    /// Looks what stands under the names now.
    pub(super) fn look(&mut self, now: Instant) {
        let names = match &self.names {
            Names::One(name) => vec![name.clone()],
            Names::Logs => {
                let names = self.folder.logs();
                let gone = self.current.keys().filter(|name| names.binary_search(name).is_err());
                for name in gone.cloned().collect::<Vec<_>>() {
                    self.rotate(&name);
                }
                names
            }
        };
        for name in names {
            match self.folder.open(&name) {
                Ok(opened) => {
                    self.refused.remove(&name);
                    self.stands(&name, opened, now);
                }
                // Renamed and not yet made anew: the open file is still the log.
                Err(NotOpened::Missing) => {}
                Err(why) => self.refuse(&name, why),
            }
        }
    }

    /// This file stands under that name.
    fn stands(&mut self, name: &str, opened: Opened, now: Instant) {
        if self.current.get(name).is_some_and(|file| file.is(&opened)) {
            return;
        }
        if let Some(modified) = self.rotate(name) {
            self.behind.insert(name.to_owned(), modified);
        }
        // Several rotations between two looks: the files in the middle are read first.
        if self.catch_up(name, &opened, now) {
            self.behind.remove(name);
            let file = self.adopt(opened, name, now);
            self.follow(file, name);
        }
    }

    /// Opens what was made and rotated away since the last file that we know.
    /// False if there is more of it than can be open at a time: it waits.
    fn catch_up(&mut self, name: &str, opened: &Opened, now: Instant) -> bool {
        for _ in 0..TRIES {
            let Some(since) = self.behind.get(name).copied() else { return true };
            let Some(rotations) = self.folder.settled_rotations(name) else { continue };
            let mut changed = false;
            for entry in rotations {
                if entry.modified < since {
                    continue;
                }
                let between = match self.folder.open(&entry.name) {
                    Ok(between) if between.stat.st_ino == entry.inode => between,
                    // The names were moved on after we had listed them.
                    Ok(_) | Err(NotOpened::Missing) => {
                        changed = true;
                        continue;
                    }
                    Err(_) => continue,
                };
                if between.stat.st_ino == opened.stat.st_ino || self.is_known(&between) {
                    continue;
                }
                if !self.make_room() {
                    return false;
                }
                self.add_between(between, name, now);
                if !changed {
                    self.behind.insert(name.to_owned(), entry.modified);
                }
            }
            if !changed {
                return true;
            }
        }
        false
    }

    fn add_between(&mut self, between: Opened, name: &str, now: Instant) {
        // Somebody may have written to a file that we had let go.
        let mut done = self.done.iter();
        let place = done.find(|done| between.has_numbers_of(done) && between.continues(done));
        let file = match place {
            Some(place) => Followed::resume(between, place, now),
            None => Followed::from_start(between, name, now),
        };
        self.add_rotated(file);
    }

    /// Whether a file is open here, or was read to its end for good.
    fn is_known(&self, opened: &Opened) -> bool {
        self.rotated.iter().chain(self.current.values()).any(|file| file.is(opened))
            || self.done_as_is(opened).is_some_and(|done| done.position == opened.size())
    }

    /// A file that was let go and that nobody wrote to since.
    fn done_as_is(&self, opened: &Opened) -> Option<&Place> {
        let as_is = |done: &&Place| {
            opened.has_numbers_of(done)
                && opened.modified() == done.modified
                && opened.continues(done)
        };
        self.done.iter().find(as_is)
    }

    /// A file under a name that is new to us. We may know it by another one.
    fn adopt(&mut self, opened: Opened, name: &str, now: Instant) -> std::io::Result<Followed> {
        let rotated = self.rotated.iter().position(|file| file.is(&opened));
        let known = match rotated {
            Some(at) => Some(self.rotated.remove(at)),
            None => {
                let other = self.current.iter().find(|(_, file)| file.is(&opened));
                let other = other.map(|(other, _)| other.clone());
                other.and_then(|other| self.current.remove(&other))
            }
        };
        if let Some(mut file) = known {
            return file.rename(name).map(|()| file);
        }
        match self.done_as_is(&opened) {
            Some(done) => {
                let place = Place { name: name.to_owned(), ..done.clone() };
                Followed::resume(opened, &place, now)
            }
            None => Followed::from_start(opened, name, now),
        }
    }

    /// The open file no longer stands under its name. When it was last written.
    fn rotate(&mut self, name: &str) -> Option<Modified> {
        let mut old = self.current.remove(name)?;
        self.make_room();
        let modified = old.modified();
        self.count("rotated");
        old.at_end = false;
        self.rotated.push(old);
        self.moved = true;
        Some(modified)
    }

    fn follow(&mut self, file: std::io::Result<Followed>, name: &str) {
        match file {
            Ok(file) => {
                self.current.insert(name.to_owned(), file);
                self.moved = true;
            }
            Err(error) => {
                tracing::warn!(source = %self.source, %error, "a log file cannot be read");
                self.count("error");
            }
        }
    }

    fn add_rotated(&mut self, file: std::io::Result<Followed>) {
        match file {
            Ok(file) => self.rotated.push(file),
            Err(_) => self.count("error"),
        }
        self.moved = true;
    }

    /// Lets go of rotated files that nobody writes to any more. All are read to their end.
    pub(super) fn retire(&mut self, now: Instant) {
        let over = |file: &Followed| {
            file.at_end && (file.is_copy || now.duration_since(file.grew) > GRACE)
        };
        while let Some(at) = self.rotated.iter().position(over) {
            self.let_go(at);
        }
    }

    /// Lets the oldest go early if too many are open. False if they are not read to their end.
    fn make_room(&mut self) -> bool {
        while self.rotated.len() >= MAX_ROTATED {
            let Some(at) = self.rotated.iter().position(|file| file.at_end) else { return false };
            self.count("let_go_early");
            self.let_go(at);
        }
        true
    }

    fn let_go(&mut self, at: usize) {
        let file = self.rotated.remove(at);
        if file.is_partial() {
            self.count_dropped("unterminated");
        }
        if self.done.len() >= MAX_DONE {
            self.done.pop_front();
        }
        self.done.push_back(file.place());
        self.moved = true;
    }

    /// A file was emptied or written anew. Rotation by copytruncate left a copy
    /// that has what we did not read yet, except what was written after copying.
    pub(super) fn recover(&mut self, rewritten: &Rewritten, now: Instant) {
        let copy = self.folder.copy(&rewritten.left).filter(|copy| !self.is_known(copy));
        match copy {
            Some(copy) => self.add_rotated(Followed::copy(copy, &rewritten.left, now)),
            None if rewritten.partial => self.count_dropped("rewritten"),
            None => {}
        }
    }

    /// The first turn: from the checkpoint, or as configured.
    pub(super) fn begin(&mut self, left: Option<Vec<u8>>, now: Instant) {
        let checkpoint = left.as_deref().and_then(Checkpoint::decode);
        if left.is_some() && checkpoint.is_none() {
            tracing::warn!(source = %self.source, "where a log was left is unreadable: it is followed from now on");
            self.count("checkpoint_unreadable");
        }
        let Some(checkpoint) = checkpoint else { return self.begin_new(left.is_some(), now) };
        self.done = checkpoint.done.into();
        let mut behind: BTreeMap<String, Modified> = BTreeMap::new();
        for place in &checkpoint.places {
            if let Some(modified) = self.resume(place, now) {
                let latest = behind.entry(place.name.clone()).or_insert(modified);
                *latest = modified.max(*latest);
            }
        }
        behind.retain(|name, _| !self.current.contains_key(name));
        self.behind = behind;
        self.look(now);
    }

    fn begin_new(&mut self, at_end: bool, now: Instant) {
        let names = match &self.names {
            Names::One(name) => vec![name.clone()],
            Names::Logs => self.folder.logs(),
        };
        for name in names {
            match self.folder.open(&name) {
                Ok(opened) => {
                    self.pass_over_rotations(&name, opened.modified(), now);
                    let file = if at_end || self.from == From::Now {
                        Followed::from_end(opened, &name, now)
                    } else {
                        Followed::from_start(opened, &name, now)
                    };
                    self.follow(file, &name);
                }
                Err(NotOpened::Missing) => {}
                Err(why) => self.refuse(&name, why),
            }
        }
    }

    /// What was rotated before we came is not read, even if it looks as new as the log.
    fn pass_over_rotations(&mut self, name: &str, since: Modified, now: Instant) {
        let newest = self.folder.rotations(name).into_iter().rev().take(MAX_DONE);
        for entry in newest.filter(|entry| entry.modified >= since) {
            let file = self.folder.open(&entry.name).ok();
            let file = file.and_then(|file| Followed::from_end(file, name, now).ok());
            self.done.extend(file.map(|file| file.place()));
        }
    }

    /// Finds a file again: under its name, or under the name that rotation gave
    /// it. If it is not under its name, when it was last written.
    fn resume(&mut self, place: &Place, now: Instant) -> Option<Modified> {
        let named = self.folder.open(&place.name).ok();
        if let Some(opened) = named.filter(|opened| opened.has_numbers_of(place)) {
            if opened.continues(place) {
                self.follow(Followed::resume(opened, place, now), &place.name);
            } else {
                // Emptied while nobody looked, or its number was given to a new file.
                self.count("truncated");
                self.recover(&Rewritten { left: place.clone(), partial: false }, now);
            }
            return None;
        }
        // A name that moves on while it is looked for is found the next time.
        let Some(opened) = (0..TRIES).find_map(|_| self.folder.renamed(place)) else {
            self.count("gone");
            return Some(place.modified);
        };
        let modified = opened.modified();
        self.add_rotated(Followed::resume(opened, place, now));
        Some(modified)
    }

    fn refuse(&mut self, name: &str, why: NotOpened) {
        if self.refused.get(name) == Some(&why) {
            return;
        }
        tracing::warn!(source = %self.source, ?why, "a name in a log folder is not read");
        self.count("refused");
        if self.refused.len() < MAX_NAMES {
            self.refused.insert(name.to_owned(), why);
        }
    }
}
