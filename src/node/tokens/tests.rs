//! Tokens are shown once, outlive a restart, and end when they are revoked.

use super::NewToken;
use crate::metrics::Metrics;
use crate::model::Role;
use crate::node::tests::start;
use crate::privacy::tlp::ClientScope;

fn new(name: &str) -> NewToken {
    NewToken { name: name.to_owned(), scope: ClientScope::Green, role: Role::Reader, trust: 0.5 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_once_outlives_a_restart_and_ends_when_it_is_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let running = start(dir.path(), "", &Metrics::new(), None);
    let (token, record) = running.node.create_token(new("siem")).await.unwrap();
    let (other, _) = running.node.create_token(new("misp")).await.unwrap();
    assert_ne!(token, other);
    assert_eq!(running.node.tokens().len(), 2);
    assert!(running.node.create_token(new("siem")).await.is_err(), "a name stands for one");
    for bad in ["", "a b", "ä", &"x".repeat(65)] {
        assert!(running.node.create_token(new(bad)).await.is_err(), "{bad:?}");
    }
    let found = running.node.bearer(&token).unwrap();
    assert_eq!((found.name.as_str(), found.hash), ("siem", record.hash));
    assert!(found.used.is_some());
    for bad in ["", "dtim_", "siem", &token[..token.len() - 1], &format!("{token}x")] {
        assert_eq!(running.node.bearer(bad), None, "{bad:?}");
    }
    assert!(running.stop().await);

    let running = start(dir.path(), "", &Metrics::new(), None);
    assert_eq!(running.node.bearer(&token).map(|token| token.name), Some("siem".to_owned()));
    running.node.revoke_token("siem").await.unwrap();
    assert!(running.node.revoke_token("siem").await.is_err());
    assert_eq!(running.node.bearer(&token), None);
    assert!(running.stop().await);
    let running = start(dir.path(), "", &Metrics::new(), None);
    assert_eq!(running.node.bearer(&token), None);
    assert_eq!(running.node.tokens().len(), 1);
    assert!(running.stop().await);
}
