//! The way of one log line: parse, detect, hygiene. Pure; the watchers and
//! `dtim explain` call the same function, so what is explained is what happens.

use std::collections::BTreeMap;
use std::sync::Arc;

use ipnet::IpNet;

use crate::detect::{DEFAULT_CAPACITY, Detector, Hit, Rules};
use crate::hygiene::{self, Lists, Unfit};
use crate::model::{CustomFields, Origin, Scope, Sighting, Source, Timestamp, Tlp};
use crate::parse::{Context, Event, Reader, Unparsed};

/// What the configuration says about lines.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What must never become an indicator here.
    pub lists: Arc<Lists>,
    /// TLP of what a source sees, where it differs from `default_tlp`.
    pub source_tlp: BTreeMap<Source, Tlp>,
    /// TLP of what every other source sees.
    pub default_tlp: Tlp,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The operator's own networks.
    pub own: Vec<IpNet>,
    /// Seconds east of UTC, for logs that write local time without a zone.
    pub utc_offset: i32,
}

impl Settings {
    /// How far what a source sees may travel, before any rule makes it stricter.
    pub(super) fn tlp_of(&self, source: Source) -> Tlp {
        *self.source_tlp.get(&source).unwrap_or(&self.default_tlp)
    }

    fn context(&self, now: Timestamp) -> Context<'_> {
        Context {
            now,
            utc_offset: self.utc_offset,
            trusted_proxies: &self.trusted_proxies,
            own: &self.own,
        }
    }
}

/// The detector and what it needs to judge a line.
#[derive(Debug)]
pub struct Pipeline {
    detector: Detector,
    settings: Settings,
}

/// What became of one line.
#[derive(Debug)]
pub struct Looked<'a> {
    /// The event, none for a line that carries none, or why it did not parse.
    pub parsed: Result<Option<Event<'a>>, Unparsed>,
    /// It may be part of another record, and a stranger's text: no rule looks at it.
    pub doubtful: bool,
    /// What fired and is fit to be an indicator.
    pub hits: Vec<Hit>,
    /// What fired and is not, with the reason.
    pub refused: Vec<(Hit, Unfit)>,
}

impl Pipeline {
    /// A pipeline with empty buckets.
    pub fn new(rules: Rules, settings: Settings) -> Self {
        Self { detector: Detector::new(rules, DEFAULT_CAPACITY), settings }
    }

    /// Looks at one line of the file that the reader reads; `ahead` are the lines after it,
    /// as far as they are there ([`crate::parse::look_ahead`] says how many bytes are enough). `now` stands
    /// in for the year of times that have none.
    pub fn look<'a>(
        &mut self,
        reader: &mut Reader,
        line: &'a [u8],
        ahead: &[Vec<u8>],
        now: Timestamp,
    ) -> Looked<'a> {
        let context = self.settings.context(now);
        let parsed = reader.read(line, &context);
        let (mut hits, mut refused) = (Vec::new(), Vec::new());
        let Ok(Some(event)) = &parsed else {
            return Looked { parsed, doubtful: false, hits, refused };
        };
        if reader.may_be_forged(line, ahead, &context) {
            return Looked { parsed, doubtful: true, hits, refused };
        }
        for hit in self.detector.observe(event, now) {
            match hygiene::check(&hit.value, &self.settings.lists) {
                Ok(()) => hits.push(hit),
                Err(unfit) => refused.push((hit, unfit)),
            }
        }
        Looked { parsed, doubtful: false, hits, refused }
    }

    /// Local time moves in spring and autumn.
    pub fn set_utc_offset(&mut self, seconds: i32) {
        self.settings.utc_offset = seconds;
    }

    /// What a line alone does not tell.
    pub fn context(&self, now: Timestamp) -> Context<'_> {
        self.settings.context(now)
    }

    /// The rules that are about an event, whether or not they fired for it: why there is no hit.
    pub fn matching(&mut self, event: &Event<'_>) -> Vec<String> {
        self.detector.matching(event)
    }

    /// The sighting that a hit makes: marked with the strictest of source and rule.
    pub fn sighting(&self, source: Source, hit: Hit) -> Sighting {
        let tlp = self.settings.tlp_of(source);
        let tlp = hit.tlp.map_or(tlp, |rule| rule.strictest(tlp));
        Sighting {
            value: hit.value,
            origin: Origin::Log(source),
            at: hit.at,
            confidence: hit.confidence,
            tags: hit.tags,
            scope: Scope::new(tlp, []),
            custom: CustomFields::new(),
        }
    }

    /// The detector, for its state.
    pub fn detector(&mut self) -> &mut Detector {
        &mut self.detector
    }

    /// Takes over new rules and settings. The detector is empty then.
    pub fn replace(&mut self, rules: Rules, settings: Settings) {
        *self = Self::new(rules, settings);
    }
}
