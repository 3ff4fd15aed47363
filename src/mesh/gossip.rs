//! Gossipsub as DTIM uses it: one topic, no author in any message, every
//! message judged before it travels on, and scores under which a peer that
//! only misbehaves is out within minutes while a quiet one is left in peace.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::Duration;

use libp2p::PeerId;
use libp2p::gossipsub::{
    Behaviour, Config, ConfigBuilder, DataTransform, IdentTopic, Message, MessageAuthenticity,
    MessageId, MetricsConfig, PeerScoreParams, PeerScoreThresholds, RawMessage, TopicHash,
    TopicScoreParams, ValidationMode, WhitelistSubscriptionFilter,
};

use super::fair::Scored;
use crate::metrics::Metrics;
use crate::model::{Community, ContentId};
use crate::wire::MAX_CLAIM_BYTES;

/// Gossipsub behind a filter that knows one topic.
pub(super) type Gossip = Behaviour<OnlyData, WhitelistSubscriptionFilter>;

/// Topic and field tags around one claim.
const ENVELOPE: usize = 256;

/// The most bytes that may wait to be decoded. Gossipsub 0.50 compares this
/// with all that is buffered, not with one message: up to 8 KiB more than a
/// message, and the largest is a list of ids of 16 KiB (`MAX_IDS`). With less,
/// a burst would close the stream, and five closed streams silence a peer.
const MAX_RPC_BYTES: usize = 32 * 1024;

/// Ids in one IHAVE or IWANT: 34 bytes each must fit into the 16 KiB that
/// gossipsub takes as control data. Its default of 5,000 would not.
const MAX_IDS: usize = 400;

/// Messages that wait for one peer: 4 MiB at the most (threat case 32).
const QUEUE: usize = 1024;

/// Heartbeats for which a message can be judged, passed on and asked for.
const HISTORY: usize = 10;

const HEARTBEAT: Duration = Duration::from_secs(1);
/// Scores decay in steps of this.
pub(super) const DECAY: Duration = Duration::from_secs(10);
/// Rejected claims weigh half after this (design, section 6: strikes).
pub(super) const STRIKE_HALF_LIFE: Duration = Duration::from_secs(3600);

/// Takes messages of one topic that are data and topic, nothing else.
///
/// Gossipsub's anonymous mode refuses an author, a number and a signature, but
/// passes on a key field as it came: a mark with which somebody could follow
/// one message from node to node. And it remembers the ids of messages of
/// topics that nobody joined: a claim sent under a foreign topic first would
/// be taken for known, and dropped, when it comes under the right one.
#[derive(Clone, Debug)]
pub(super) struct OnlyData {
    topic: TopicHash,
}

impl DataTransform for OnlyData {
    fn inbound_transform(&self, raw: RawMessage) -> Result<Message, io::Error> {
        let RawMessage { source: None, sequence_number: None, signature: None, key: None, .. } =
            raw
        else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let RawMessage { data, topic, .. } = raw;
        if topic != self.topic {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Message { source: None, data, sequence_number: None, topic })
    }

    fn outbound_transform(&self, _topic: &TopicHash, data: Vec<u8>) -> Result<Vec<u8>, io::Error> {
        Ok(data)
    }
}

/// The topic of a community.
pub(super) fn topic(community: &Community) -> IdentTopic {
    IdentTopic::new(format!("/dtim/1/{community}/claims"))
}

/// The behaviour, subscribed to its community's topic.
pub(super) fn behaviour(community: &Community, metrics: &Metrics) -> Result<Gossip, String> {
    let topic = topic(community);
    // One topic is the bound; a filter that counts would log an error for each excess.
    let filter = WhitelistSubscriptionFilter(HashSet::from([topic.hash()]));
    let mut gossip = Behaviour::new_with_subscription_filter_and_transform(
        MessageAuthenticity::Anonymous,
        config(topic.hash())?,
        filter,
        OnlyData { topic: topic.hash() },
    )?;
    gossip = metrics.with_libp2p(|registry| {
        let registry = registry.sub_registry_with_prefix("gossipsub");
        gossip.with_metrics(registry, MetricsConfig::default())
    });
    gossip.with_peer_score(score_params(topic.hash()), score_thresholds())?;
    gossip.subscribe(&topic).map_err(|error| error.to_string())?;
    Ok(gossip)
}

fn config(topic: TopicHash) -> Result<Config, String> {
    ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .message_id_fn(|message: &Message| MessageId::from(ContentId::of(&message.data).0.to_vec()))
        .validate_messages()
        .flood_publish(false)
        .max_transmit_size(MAX_RPC_BYTES)
        .max_transmit_size_for_topic(MAX_CLAIM_BYTES + ENVELOPE, topic)
        .max_control_messages_sent(MAX_IDS)
        .connection_handler_queue_len(QUEUE)
        .history_length(HISTORY)
        .heartbeat_interval(HEARTBEAT)
        .heartbeat_initial_delay(HEARTBEAT)
        // A member knows a handful of peers: ask for few enough that it can be had.
        .mesh_outbound_min(1)
        .mesh_n_low(3)
        .mesh_n(6)
        .mesh_n_high(12)
        .build()
        .map_err(|error| error.to_string())
}

/// What a peer's deeds weigh.
///
/// Nothing punishes silence (no mesh delivery terms), a slow reader (its queue
/// is bounded anyway) or neighbours behind one address. Good deeds are capped
/// far below the weight of one rejected claim, so they cannot pay for it.
pub(super) fn score_params(topic: TopicHash) -> PeerScoreParams {
    let claims = TopicScoreParams {
        topic_weight: 1.0,
        time_in_mesh_weight: 1.0 / 60.0,
        time_in_mesh_quantum: Duration::from_secs(60),
        time_in_mesh_cap: 60.0,
        first_message_deliveries_weight: 0.05,
        first_message_deliveries_decay: decay(Duration::from_secs(600)),
        first_message_deliveries_cap: 100.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: -50.0,
        invalid_message_deliveries_decay: decay(STRIKE_HALF_LIFE),
        ..TopicScoreParams::default()
    };
    PeerScoreParams {
        topics: HashMap::from([(topic, claims)]),
        topic_score_cap: 6.0,
        app_specific_weight: 0.0,
        ip_colocation_factor_weight: 0.0,
        // Grafting too early and promising claims that never come: a few happen
        // to everybody, a stream of them does not.
        behaviour_penalty_weight: -10.0,
        behaviour_penalty_threshold: 6.0,
        behaviour_penalty_decay: decay(Duration::from_secs(60)),
        slow_peer_weight: 0.0,
        decay_interval: DECAY,
        decay_to_zero: 0.01,
        // A reconnect does not wash anything off.
        retain_score: 4 * STRIKE_HALF_LIFE,
        ..PeerScoreParams::default()
    }
}

/// One rejected claim ends eager gossip and gossip about ids, with the second
/// nothing is published to the peer, with the third it is not listened to: then
/// the judge's strikes shut it out as well.
pub(super) fn score_thresholds() -> PeerScoreThresholds {
    PeerScoreThresholds {
        gossip_threshold: -40.0,
        publish_threshold: -150.0,
        graylist_threshold: -300.0,
        accept_px_threshold: 10.0,
        opportunistic_graft_threshold: 0.5,
    }
}

impl Scored for Gossip {
    fn score(&self, peer: &PeerId) -> f64 {
        self.peer_score(peer).unwrap_or_default()
    }
}

/// The factor by which a counter shrinks in one step to be halved in `half_life`.
fn decay(half_life: Duration) -> f64 {
    0.5_f64.powf(DECAY.as_secs_f64() / half_life.as_secs_f64())
}
