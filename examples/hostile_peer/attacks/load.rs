//! Attacks by how much is said: floods of messages and of control messages.

use std::path::Path;

use clap::ValueEnum;

use serde_json::json;

use super::{history, sent};
use crate::claims::Draft;
use crate::report::say;
use crate::session::Session;
use crate::{Problem, Stage, rpc};

/// Ids in one control message: 34 bytes each fit into the 16 KiB that gossipsub takes.
const IDS: u32 = 400;
/// Ids of one byte in one control message.
const SHORT_IDS: u32 = 5_000;

/// A sort of control message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Control {
    /// "I have" messages that nobody has
    Ihave,
    /// "Send me" messages that nobody has
    Iwant,
    /// "Send me" what the victim has, again and again
    IwantKnown,
    /// Into the mesh, while it is not welcome
    Graft,
    /// Out of the mesh
    Prune,
    /// Into the mesh and out of it
    GraftPrune,
    /// "Do not send me" what nobody has
    Idontwant,
    /// Topics that nobody knows, ten thousand of them again and again
    Topics,
    /// In and out of the topic
    Flapping,
    /// Frames that are no RPC
    Noise,
}

/// Sends control messages to every victim.
pub(crate) async fn spam(
    stage: &Stage,
    control: Control,
    count: u32,
) -> Result<Vec<Session>, Problem> {
    let mut sessions = stage.join().await?;
    let topic = stage.signer.topic();
    // Something that the victim holds, to be asked for.
    let known = stage.signer.sign(&Draft::plain(0));
    for session in &mut sessions {
        if control == Control::IwantKnown {
            session.publish(&known).await?;
        }
        let rpcs = (0..count).map(|number| one(control, &topic, &known, number));
        say(&json!({ "event": "began" }));
        sent("control", session.send_all(rpcs).await);
    }
    Ok(sessions)
}

fn one(control: Control, topic: &str, known: &[u8], number: u32) -> Vec<u8> {
    let ids = || (0..IDS).map(|id| unknown_id(number * IDS + id)).collect::<Vec<_>>();
    match control {
        Control::Ihave => rpc::ihave(topic, &ids()),
        Control::Iwant => rpc::iwant(&ids()),
        Control::IwantKnown => {
            let id = dtim::model::ContentId::of(known).as_bytes().to_vec();
            rpc::iwant(&vec![id; IDS as usize])
        }
        Control::Graft => rpc::graft(topic),
        Control::Prune => rpc::prune(topic, u64::MAX),
        Control::GraftPrune => [rpc::prune(topic, 3_600), rpc::graft(topic)].concat(),
        Control::Idontwant => {
            let ids: Vec<Vec<u8>> =
                (0..SHORT_IDS).map(|id| id.to_le_bytes()[..1].to_vec()).collect();
            rpc::idontwant(&ids)
        }
        Control::Topics => (0..500)
            .flat_map(|topic| {
                rpc::subscribe(&format!("topic {}", (number * 500 + topic) % 10_000), true)
            })
            .collect(),
        Control::Flapping => [rpc::subscribe(topic, false), rpc::subscribe(topic, true)].concat(),
        Control::Noise => vec![0xff; 64],
    }
}

fn unknown_id(number: u32) -> Vec<u8> {
    blake3::hash(&number.to_be_bytes()).as_bytes().to_vec()
}

/// Publishes claims under a topic that is not the community's: nobody may keep
/// them, and they must not keep the right ones away.
pub(crate) async fn foreign(
    stage: &Stage,
    from: Option<&Path>,
    count: u32,
) -> Result<Vec<Session>, Problem> {
    let claims = match from {
        Some(file) => history::kept(file)?,
        None => (0..count)
            .map(|number| stage.signer.sign(&Draft::plain(number)))
            // Nothing says that it must be a claim: as large as gossipsub takes.
            .map(|claim| [claim, vec![0; 30_000]].concat())
            .collect(),
    };
    let mut sessions = stage.join().await?;
    for session in &mut sessions {
        let rpcs = claims.iter().map(|claim| rpc::publish("somewhere else", claim, &[]));
        sent("foreign", session.send_all(rpcs).await);
    }
    Ok(sessions)
}
