//! Attacks by what is answered: a member that others compare with, and that has
//! anything but what they are told.

use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use dtim::model::{ContentId, Day};
use dtim::reconcile::{self, Set};
use dtim::wire::{Packing, SyncAnswer, SyncAsk};
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use serde_json::json;
use tokio::time::sleep;

use super::asking::{self, tomorrow};
use crate::claims::{self, Draft, Signer};
use crate::peer::SYNC;
use crate::report::say;
use crate::session::{Manner, Session};
use crate::{Problem, Stage};

/// Claims of one kind that it pretends to have.
const HAS: u32 = 20;
/// Between two pieces of news.
const AGAIN: Duration = Duration::from_millis(500);
/// Less than any question waits.
const SLOWLY: Duration = Duration::from_secs(20);
/// Longer than any question waits.
const FOREVER: Duration = Duration::from_secs(86_400);

/// What it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Service {
    /// Right claims: what an honest member does
    Honest,
    /// Claims that nobody has
    Imaginary,
    /// That something differs, whatever it is asked
    Endless,
    /// The same, and that it lacks something, and all of it slowly
    Stalling,
    /// Other claims than were asked for
    Unasked,
    /// Claims marked amber
    Amber,
    /// Claims with a wrong signature
    Forged,
    /// That none of what was asked for was looked at
    Nothing,
    /// Bytes that are no message
    Noise,
    /// 100 KiB
    Oversized,
    /// Nothing, and keeps the stream open
    Silent,
    /// A comparison from a day that never comes, again and again
    LaterDay,
}

/// Takes part, says that it has news, and answers.
pub(crate) async fn serve(stage: &Stage, service: Service) -> Result<Vec<Session>, Problem> {
    let manner = Manner { speaks: vec![SYNC], ..Manner::of(stage.seed) };
    let mut sessions = stage.join_as(&manner).await?;
    let shop = Arc::new(Shop::new(&stage.signer, service));
    for session in &mut sessions {
        let (_, empty) = tokio::sync::mpsc::channel(1);
        let mut streams = std::mem::replace(&mut session.streams, empty);
        let shop = Arc::clone(&shop);
        tokio::spawn(async move {
            while let Some((_, stream)) = streams.recv().await {
                tokio::spawn(answer(Arc::clone(&shop), stream));
            }
        });
        // Each piece of news is worth a comparison.
        let asker = session.asker.clone();
        let news = SyncAsk::News.encode();
        tokio::spawn(async move {
            while asking::ask(&asker, asking::Stream::Sync, &news).await.is_some() {
                sleep(AGAIN).await;
            }
        });
    }
    Ok(sessions)
}

async fn answer(shop: Arc<Shop>, mut stream: libp2p::Stream) {
    let mut question = Vec::new();
    if stream.read_to_end(&mut question).await.is_err() {
        return;
    }
    let Ok(ask) = SyncAsk::decode(&question) else { return };
    let what = match &ask {
        SyncAsk::Compare { .. } => "compare",
        SyncAsk::Fetch(_) => "fetch",
        SyncAsk::News => "news",
    };
    say(&json!({ "event": "asked", "what": what }));
    match shop.service {
        Service::Silent => sleep(FOREVER).await,
        Service::Stalling => sleep(SLOWLY).await,
        _ => {}
    }
    // The other side may have given up.
    stream.write_all(&shop.answer(ask)).await.ok();
    stream.close().await.ok();
}

/// A number as negentropy writes it: seven bits a byte, highest first.
fn number(number: u32) -> Vec<u8> {
    let groups = (1..5).rev().map(|place| number >> (7 * place)).skip_while(|rest| *rest == 0);
    let first: Vec<u8> = groups.map(|rest| (rest & 0x7f) as u8 | 0x80).collect();
    [first, vec![(number & 0x7f) as u8]].concat()
}

/// What it pretends to have.
struct Shop {
    service: Service,
    claims: Vec<(Day, Vec<u8>)>,
    /// Right claims that it does not speak of.
    others: Vec<Vec<u8>>,
}

impl Shop {
    fn new(signer: &Signer, service: Service) -> Self {
        let one = |number| {
            let draft = Draft::plain(number);
            let draft = if service == Service::Amber { draft.tlp("amber") } else { draft };
            let mut claim = signer.sign(&draft);
            if service == Service::Forged
                && let Some(last) = claim.last_mut()
            {
                *last ^= 1;
            }
            (claims::until(), claim)
        };
        let other = |number| signer.sign(&Draft::plain(number));
        let others = (HAS..2 * HAS).map(other).collect();
        Self { service, claims: (0..HAS).map(one).collect(), others }
    }

    fn answer(&self, ask: SyncAsk) -> Vec<u8> {
        match (self.service, ask) {
            (Service::Noise, _) => vec![0xff; 100],
            (Service::Oversized, _) => vec![0; 100 * 1024],
            (Service::LaterDay, SyncAsk::Compare { from, .. }) => {
                SyncAnswer::Compare { from: from.plus(1), message: Vec::new() }.encode()
            }
            (Service::Endless | Service::Stalling, SyncAsk::Compare { from, .. }) => {
                let message = self.differs(from);
                SyncAnswer::Compare { from, message }.encode()
            }
            (_, SyncAsk::Compare { from, message }) => {
                let message = reconcile::answer(&self.set(), from, &message).unwrap_or_default();
                SyncAnswer::Compare { from, message }.encode()
            }
            (_, SyncAsk::Fetch(ids)) => self.fetched(&ids).encode(),
            (_, SyncAsk::News) => SyncAnswer::News.encode(),
        }
    }

    /// A message of negentropy: ranges, each with its end (a day, 0 for the last,
    /// and no id), what it is of (1 fingerprint, 2 list of ids) and that.
    fn differs(&self, from: Day) -> Vec<u8> {
        let mut message = vec![0x61];
        if self.service == Service::Stalling {
            // Up to a day when all has ended: "I have none of these".
            message.extend(number(from.0 + 400 + 1));
            message.extend([0, 2, 0]);
        }
        message.extend([0, 0, 1]);
        message.extend(rand::random::<[u8; 16]>());
        message
    }

    fn set(&self) -> Set {
        let mut set = Set::default();
        for (day, claim) in &self.claims {
            set.insert(*day, ContentId::of(claim));
        }
        if self.service == Service::Imaginary {
            for place in 0..HAS {
                set.insert(tomorrow().plus(place), ContentId(rand::random()));
            }
        }
        set
    }

    fn fetched(&self, ids: &[ContentId]) -> SyncAnswer {
        if self.service == Service::Nothing {
            return SyncAnswer::Fetched { served: 0, claims: Vec::new() };
        }
        if self.service == Service::Unasked {
            let claims = self.others.iter().take(ids.len()).cloned().collect();
            return SyncAnswer::Fetched { served: ids.len(), claims };
        }
        let mut packing = Packing::default();
        for id in ids {
            let claim = self.claims.iter().find(|(_, claim)| ContentId::of(claim) == *id);
            if !packing.serve(claim.map(|(_, claim)| claim.clone())) {
                break;
            }
        }
        packing.into_answer()
    }
}
