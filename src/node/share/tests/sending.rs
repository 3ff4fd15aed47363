//! Who rests, and until when.

use std::time::Instant;

use super::*;
use crate::mesh::{ConnectedPeer, Path, Role, Status};
use crate::node::share::send::{Ended, Sending};
use tokio::sync::watch;

fn status(peers: &[(u8, Role, u64)]) -> Status {
    let peer = |(n, role, since): &(u8, Role, u64)| ConnectedPeer {
        node: id(*n),
        role: *role,
        addresses: Vec::new(),
        path: Path::Direct,
        since: Timestamp(*since),
        in_mesh: true,
    };
    Status { peers: peers.iter().map(peer).collect(), ..Status::default() }
}

#[tokio::test]
async fn one_that_takes_nothing_rests_longer_each_time_and_holds_up_nobody() {
    let (mesh, seen) = watch::channel(status(&[(1, Role::Member, 5), (3, Role::Stranger, 5)]));
    let mut sending = Sending::new(seen);
    let (bob, mut now) = (Audience::Peer(id(1)), Instant::now());
    assert_eq!(sending.free(now).0, [MESH, bob], "a stranger is told nothing");
    let mut rests = Vec::new();
    for _ in 0..12 {
        sending.ended(bob, Ended::Later, now);
        let (free, sleep) = sending.free(now);
        assert_eq!(free, [MESH]);
        let mut rest = 0;
        while sending.free(now).0 == [MESH] {
            (now, rest) = (now + Duration::from_secs(1), rest + 1);
        }
        assert_eq!(sleep.as_secs(), rest.min(60));
        rests.push(rest);
    }
    assert_eq!((rests[0], rests[1], rests[11]), (5, 10, 600));

    // Whoever connects anew need not rest, nor does one that took something.
    sending.ended(bob, Ended::Later, now);
    mesh.send_replace(status(&[(1, Role::Member, 9), (2, Role::Member, 9)]));
    sending.connections_change().await;
    assert_eq!(sending.free(now).0, [MESH, bob, Audience::Peer(id(2))]);
    sending.ended(bob, Ended::Later, now);
    sending.ended(bob, Ended::Clear, now);
    assert_eq!(sending.free(now).0.len(), 3);
    // The mesh rests a little, and not at all if something wakes it.
    let free = |sending: &mut Sending| sending.free(now).0.contains(&MESH);
    sending.ended(MESH, Ended::Later, now);
    assert!(!free(&mut sending));
    sending.wake_mesh();
    assert!(free(&mut sending));
    // One that is being told is not told twice at a time.
    sending.begin(MESH);
    assert!(!free(&mut sending));
}
