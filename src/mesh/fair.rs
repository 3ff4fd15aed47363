//! A fair share: how much of this node's time one member may take, whatever it
//! sends.
//!
//! Owns an account for each peer of the behaviour inside. What is done with a
//! peer's messages is charged to its account; while the account is overdrawn,
//! or too many of its messages wait for an answer, nothing more is read from
//! it. It is slowed down and not punished, and nothing is lost: an honest burst
//! arrives whole, a flood costs what is left of its sender's share.

use std::collections::HashMap;
use std::future::Future as _;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use libp2p::PeerId;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::handler::ConnectionEvent;
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
    NetworkBehaviour, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use tokio::time::{Sleep, sleep};

use super::quota::{Bucket, exact};
use crate::metrics::Metrics;

/// Of each second, what one member may take for long. A hostile member is to
/// cost a fifth of a core at most (design, section 11), and what cannot be
/// measured here, decryption above all, takes some of it.
const SHARE: f64 = 0.05;
/// Seconds that it may take at once: more than a burst of 20,000 claims needs.
const BURST: f64 = 1.0;
/// What a message costs besides: tasks are woken for it, and it is handed over.
const HANDING_OVER: f64 = 0.000_02;
/// Bytes of messages a second: somewhat more than 6,000 claims a minute, all of
/// the largest size.
const BYTES_PER_SECOND: f64 = 512.0 * 1024.0;
/// And at once: a burst of 20,000 claims of the usual size, twice.
const BYTES_AT_ONCE: f64 = 16.0 * 1024.0 * 1024.0;
/// Messages of one member that may wait for the judge: an eighth of its queue,
/// so that a flood leaves room for the others.
const MAX_UNANSWERED: usize = 512;

/// How much the score falls for one refused message, at least (`gossip`).
const FAULT: f64 = 25.0;
/// Faults of one member that are told at a time: more than shut it out.
const MAX_FAULTS: usize = 8;

/// A behaviour that keeps a score of its peers.
pub(super) trait Scored {
    /// The score of a peer now.
    fn score(&self, peer: &PeerId) -> f64;
}

/// What a member has taken.
#[derive(Debug)]
struct Account {
    /// Seconds.
    time: Bucket,
    bytes: Bucket,
    unanswered: usize,
    /// Connections that wait for answers; bounded by the connections of a peer.
    waiting: Vec<Waker>,
}

#[derive(Clone, Debug)]
struct Shared(Arc<Mutex<Account>>);

impl Shared {
    fn new(now: Instant) -> Self {
        let time = Bucket::new(SHARE, BURST, now);
        let bytes = Bucket::new(BYTES_PER_SECOND, BYTES_AT_ONCE, now);
        Self(Arc::new(Mutex::new(Account { time, bytes, unanswered: 0, waiting: Vec::new() })))
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something at the peer's cost.
    fn charge<T>(&self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = work();
        let end = Instant::now();
        self.lock().time.spend(end.duration_since(start).as_secs_f64(), end);
        done
    }
}

/// A behaviour whose peers take no more than their share.
#[derive(Debug)]
pub(super) struct Fair<B> {
    inner: B,
    /// Kept over reconnections, which would wash a debt off otherwise. Bounded
    /// by the roles that the operator gave: a gate stands before this.
    accounts: HashMap<PeerId, Shared>,
    /// Who lost score by what it sent, as often as it did.
    faults: HashMap<PeerId, usize>,
    metrics: Metrics,
}

impl<B> Fair<B> {
    pub(super) fn new(inner: B, metrics: Metrics) -> Self {
        Self { inner, accounts: HashMap::new(), faults: HashMap::new(), metrics }
    }

    /// A message of this peer waits for an answer.
    pub(super) fn asked(&self, peer: &PeerId, bytes: usize) {
        let Some(account) = self.accounts.get(peer) else { return };
        let mut account = account.lock();
        account.unanswered += 1;
        account.bytes.spend(exact(bytes), Instant::now());
    }

    /// It was answered.
    pub(super) fn answered(&self, peer: &PeerId) {
        let Some(account) = self.accounts.get(peer) else { return };
        let mut account = account.lock();
        account.unanswered = account.unanswered.saturating_sub(1);
        if account.unanswered < MAX_UNANSWERED {
            account.waiting.drain(..).for_each(Waker::wake);
        }
    }

    /// Peers that lost score by what they sent since this was asked last, each as
    /// often as it did.
    ///
    /// Gossipsub refuses some messages by itself and tells nobody but its score.
    /// The score falls by promises that were not kept as well, but that is found
    /// at a heartbeat and happens to honest members with a slow line.
    pub(super) fn take_faults(&mut self) -> Vec<PeerId> {
        let faults = self.faults.drain();
        faults.flat_map(|(peer, count)| std::iter::repeat_n(peer, count)).collect()
    }

    fn account(&mut self, peer: PeerId) -> Shared {
        self.accounts.entry(peer).or_insert_with(|| Shared::new(Instant::now())).clone()
    }

    fn pace<H>(&mut self, peer: PeerId, inner: H) -> Paced<H> {
        Paced { inner, account: self.account(peer), pause: None, metrics: self.metrics.clone() }
    }
}

impl<B> Deref for Fair<B> {
    type Target = B;

    fn deref(&self) -> &B {
        &self.inner
    }
}

impl<B> DerefMut for Fair<B> {
    fn deref_mut(&mut self) -> &mut B {
        &mut self.inner
    }
}

impl<B: NetworkBehaviour + Scored> NetworkBehaviour for Fair<B> {
    type ConnectionHandler = Paced<THandler<B>>;
    type ToSwarm = B::ToSwarm;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let inner =
            self.inner.handle_established_inbound_connection(connection, peer, local, remote)?;
        Ok(self.pace(peer, inner))
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.inner.handle_pending_outbound_connection(connection, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let inner = self
            .inner
            .handle_established_outbound_connection(connection, peer, remote, role, port)?;
        Ok(self.pace(peer, inner))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        let account = self.account(peer);
        let before = self.inner.score(&peer);
        account.charge(|| self.inner.on_connection_handler_event(peer, connection, event));
        account.lock().time.spend(HANDING_OVER, Instant::now());
        if self.inner.score(&peer) <= before - FAULT {
            let faults = self.faults.entry(peer).or_default();
            *faults = (*faults + 1).min(MAX_FAULTS);
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.inner.poll(cx)
    }
}

/// A handler that rests while its peer's account is overdrawn.
pub(super) struct Paced<H> {
    inner: H,
    account: Shared,
    pause: Option<Pin<Box<Sleep>>>,
    metrics: Metrics,
}

impl<H> Paced<H> {
    /// Whether it rests now; then it is woken when it may go on.
    fn rests(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            if let Some(pause) = &mut self.pause {
                if pause.as_mut().poll(cx).is_pending() {
                    return true;
                }
                self.pause = None;
            }
            let mut account = self.account.lock();
            if account.unanswered >= MAX_UNANSWERED {
                if !account.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                    self.metrics.paced.with_label_values(&["unanswered"]).inc();
                    account.waiting.push(cx.waker().clone());
                }
                return true;
            }
            let now = Instant::now();
            let (debt, reason) = match (account.time.debt(now), account.bytes.debt(now)) {
                (None, None) => return false,
                (Some(time), None) => (time, "time"),
                (_, Some(bytes)) => (bytes, "bytes"),
            };
            self.metrics.paced.with_label_values(&[reason]).inc();
            self.pause = Some(Box::pin(sleep(debt)));
        }
    }
}

impl<H: ConnectionHandler> ConnectionHandler for Paced<H> {
    type FromBehaviour = H::FromBehaviour;
    type ToBehaviour = H::ToBehaviour;
    type InboundProtocol = H::InboundProtocol;
    type OutboundProtocol = H::OutboundProtocol;
    type InboundOpenInfo = H::InboundOpenInfo;
    type OutboundOpenInfo = H::OutboundOpenInfo;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol, Self::InboundOpenInfo> {
        self.inner.listen_protocol()
    }

    fn connection_keep_alive(&self) -> bool {
        self.inner.connection_keep_alive()
    }

    fn on_behaviour_event(&mut self, event: Self::FromBehaviour) {
        self.inner.on_behaviour_event(event);
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<
        ConnectionHandlerEvent<Self::OutboundProtocol, Self::OutboundOpenInfo, Self::ToBehaviour>,
    > {
        if self.rests(cx) {
            return Poll::Pending;
        }
        self.account.charge(|| self.inner.poll(cx))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Option<Self::ToBehaviour>> {
        self.inner.poll_close(cx)
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<
            '_,
            Self::InboundProtocol,
            Self::OutboundProtocol,
            Self::InboundOpenInfo,
            Self::OutboundOpenInfo,
        >,
    ) {
        self.inner.on_connection_event(event);
    }
}
