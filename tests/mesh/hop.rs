//! A hop in user space that delays what passes, both ways, and does not limit the rate. It
//! can also change a bit of it, as whoever is in the middle can.
//!
//! Kernels without `netem` have nothing of the kind.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use crate::net::{enter, inside};

/// Pieces of a stream that are on their way.
const ON_THE_WAY: usize = 8192;
/// The largest piece.
const PIECE: usize = 64 * 1024;

/// Listens in a namespace and forwards to one address.
pub struct Hop {
    pub address: SocketAddrV4,
    namespace: String,
    over: Arc<AtomicBool>,
    flips: Arc<AtomicBool>,
    accepts: Option<JoinHandle<()>>,
}

impl Hop {
    /// Whatever passes, in either direction, takes so long.
    pub fn new(namespace: &str, at: Ipv4Addr, to: SocketAddrV4, delay: Duration) -> Self {
        let listener = inside(namespace, || TcpListener::bind((at, 0)).unwrap());
        let address = SocketAddrV4::new(at, listener.local_addr().unwrap().port());
        let over = Arc::new(AtomicBool::new(false));
        let flips = Arc::new(AtomicBool::new(false));
        let (ended, inner) = (Arc::clone(&over), namespace.to_owned());
        let flip = Arc::clone(&flips);
        let accepts = spawn(move || {
            enter(&inner);
            for near in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(near) = near else { continue };
                let Ok(far) = TcpStream::connect(to) else { continue };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    pump(from, to, delay, Arc::clone(&flip));
                }
            }
        });
        Self { address, namespace: namespace.to_owned(), over, flips, accepts: Some(accepts) }
    }

    /// Changes the last bit of the next piece that passes.
    pub fn flip(&self) {
        self.flips.store(true, Ordering::Relaxed);
    }

    /// Whether that is still to come.
    pub fn flips(&self) -> bool {
        self.flips.load(Ordering::Relaxed)
    }
}

impl Drop for Hop {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let address = self.address;
        // Wakes the listener. The streams end with the processes at their ends.
        inside(&self.namespace, move || TcpStream::connect(address).ok());
        if let Some(accepts) = self.accepts.take() {
            accepts.join().ok();
        }
    }
}

/// Moves what comes from one end to the other, each piece as long after it came.
fn pump(mut from: TcpStream, mut to: TcpStream, delay: Duration, flip: Arc<AtomicBool>) {
    to.set_nodelay(true).unwrap();
    let (on_the_way, arriving) = sync_channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
    spawn(move || {
        let mut piece = vec![0; PIECE];
        while let Ok(length @ 1..) = from.read(&mut piece) {
            if flip.swap(false, Ordering::Relaxed) {
                piece[length - 1] ^= 1;
            }
            if on_the_way.send((Instant::now() + delay, piece[..length].to_vec())).is_err() {
                return;
            }
        }
    });
    spawn(move || {
        for (due, piece) in arriving {
            sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&piece).is_err() {
                break;
            }
        }
        to.shutdown(Shutdown::Both).ok();
    });
}

#[test]
fn a_hop_delays_and_does_not_slow() {
    const DELAY: Duration = Duration::from_millis(100);
    const BYTES: usize = 32 << 20;
    let Some(net) = crate::net::Net::new(2) else { return };
    let server = SocketAddrV4::new(crate::net::Net::address(0), 7);
    let listener = inside(&net.namespace(0), || TcpListener::bind(server).unwrap());
    let hop = Hop::new(&net.switch(), crate::net::SWITCH, server, DELAY);
    let echo = spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        stream.write_all(&byte).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap()
    });
    let (there_and_back, all) = inside(&net.namespace(1), || {
        let mut stream = TcpStream::connect(hop.address).unwrap();
        let start = Instant::now();
        stream.write_all(&[1]).unwrap();
        stream.read_exact(&mut [0]).unwrap();
        let there_and_back = start.elapsed();
        stream.write_all(&vec![0; BYTES]).unwrap();
        drop(stream);
        (there_and_back, start.elapsed())
    });
    assert_eq!(echo.join().unwrap(), BYTES);
    assert!(there_and_back >= 2 * DELAY, "{there_and_back:?}");
    println!("a hop of {DELAY:?}: there and back {there_and_back:?}, {BYTES} bytes in {all:?}");
}
