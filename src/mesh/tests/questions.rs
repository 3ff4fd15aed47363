//! Questions and answers between members outside gossip.

use super::{LIMIT, Node, pair};
use crate::mesh::{AskError, Offence, Protocol, Role};
use crate::wire::MAX_EXCHANGE_BYTES;

/// Answers the next question with what it asks, doubled.
async fn echo(node: &mut Node) {
    let asked = tokio::time::timeout(LIMIT, node.asked.recv()).await.unwrap().unwrap();
    let answer = [asked.bytes.as_slice(), &asked.bytes].concat();
    node.mesh.answer(asked, answer).await.unwrap();
}

#[tokio::test]
async fn a_member_asks_and_is_answered() {
    let (one, mut other) = pair(Node::memory(1).await, Node::memory(2).await).await;
    let id = other.id();
    for protocol in [Protocol::Sync, Protocol::Deliver] {
        let question = vec![7; MAX_EXCHANGE_BYTES / 2];
        let (answer, ()) =
            tokio::join!(one.mesh.ask(protocol, id, question.clone()), echo(&mut other));
        assert_eq!(answer, Ok([question.clone(), question].concat()));
    }
    assert_eq!(other.metrics.exchanges.with_label_values(&["sync", "taken"]).get(), 1);
}

#[tokio::test]
async fn who_is_not_connected_or_does_not_answer_is_told_apart() {
    let (one, mut other) = pair(Node::memory(1).await, Node::memory(2).await).await;
    let nobody = Node::memory(3).await;
    let refused = one.mesh.ask(Protocol::Sync, nobody.id(), vec![1]).await;
    assert_eq!(refused, Err(AskError::NotConnected));
    let id = other.id();
    let silent = async {
        drop(tokio::time::timeout(LIMIT, other.asked.recv()).await.unwrap().unwrap());
    };
    let (answer, ()) = tokio::join!(one.mesh.ask(Protocol::Sync, id, vec![1]), silent);
    assert_eq!(answer, Err(AskError::NoAnswer));
}

#[tokio::test]
async fn one_member_has_so_many_questions_and_no_more() {
    let (one, mut other) = pair(Node::memory(1).await, Node::memory(2).await).await;
    let id = other.id();
    let questions: Vec<_> = (0..12_u8)
        .map(|number| {
            let mesh = one.mesh.clone();
            tokio::spawn(async move { mesh.ask(Protocol::Sync, id, vec![number]).await })
        })
        .collect();
    let counted = |result| other.metrics.exchanges.with_label_values(&["sync", result]).get();
    let all_came = async {
        while counted("taken") + counted("crowded") < 12 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, all_came).await.unwrap();
    assert_eq!((counted("taken"), counted("crowded")), (8, 4));
    // What is answered makes room for more.
    for _ in 0..8 {
        echo(&mut other).await;
    }
    let mut answered = 0;
    for question in questions {
        answered += usize::from(question.await.unwrap().is_ok());
    }
    assert_eq!(answered, 8);
    let (more, ()) = tokio::join!(one.mesh.ask(Protocol::Sync, id, vec![1]), echo(&mut other));
    assert_eq!(more, Ok(vec![1, 1]));
}

#[tokio::test]
async fn a_question_that_is_too_long_reaches_nobody() {
    let (one, mut other) = pair(Node::memory(1).await, Node::memory(2).await).await;
    let long = vec![7; MAX_EXCHANGE_BYTES + 1];
    assert_eq!(one.mesh.ask(Protocol::Sync, other.id(), long).await, Err(AskError::NoAnswer));
    assert!(other.asked.try_recv().is_err());
}

#[tokio::test]
async fn three_offences_shut_a_member_out_and_a_revoked_one_gets_no_question_through() {
    let (one, other) = pair(Node::memory(1).await, Node::memory(2).await).await;
    for _ in 0..3 {
        other.mesh.charge(one.id(), Offence::Rejected).await.unwrap();
    }
    let mut status = one.mesh.status();
    let gone = status.wait_for(|status| status.peers.is_empty());
    tokio::time::timeout(LIMIT, gone).await.unwrap().unwrap();
    // It dials again and is closed again: at no time it is answered.
    assert!(one.mesh.ask(Protocol::Sync, other.id(), vec![1]).await.is_err());

    let (three, four) = pair(Node::memory(3).await, Node::memory(4).await).await;
    three.mesh.set_role(four.id(), Role::Stranger, Vec::new()).await.unwrap();
    let refused = three.mesh.ask(Protocol::Deliver, four.id(), vec![1]).await;
    assert_eq!(refused, Err(AskError::NotConnected));
}
