//! Everything that crosses the switch, as a wiretap would see it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType, recv, socket_with};

use crate::net::enter;

/// Every protocol, in network order.
const ALL: Protocol = Protocol::from_raw(NonZeroU32::new((0x0003_u16).to_be() as u32).unwrap());
/// The largest packet: veth hands over what TCP has not yet cut into segments.
const MAX_PACKET: usize = 128 * 1024;
/// What is kept at most.
const MAX_BYTES: usize = 256 << 20;

/// A wiretap on the switch.
pub struct Capture {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<u8>>,
}

impl Capture {
    /// From now on, in this namespace.
    pub fn start(namespace: &str) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (ended, namespace) = (Arc::clone(&over), namespace.to_owned());
        let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
        let thread = spawn(move || {
            enter(&namespace);
            let kind = (AddressFamily::PACKET, SocketType::RAW);
            let socket = socket_with(kind.0, kind.1, SocketFlags::CLOEXEC, Some(ALL)).unwrap();
            let pause = Some(Duration::from_millis(100));
            set_socket_timeout(&socket, Timeout::Recv, pause).unwrap();
            ready.send(()).unwrap();
            let mut packet = vec![0; MAX_PACKET];
            let mut all = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                if let Ok((length, _)) = recv(&socket, &mut packet[..], RecvFlags::empty()) {
                    all.extend_from_slice(&packet[..length]);
                    assert!(all.len() < MAX_BYTES, "more packets than expected");
                }
            }
            all
        });
        is_ready.recv().unwrap();
        Self { over, thread }
    }

    /// All packets, one after the other.
    pub fn end(self) -> Vec<u8> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
