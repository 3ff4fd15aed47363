//! Ways to a node, from any of this machine's addresses and only as far as wanted: the bare
//! socket, the handshake, the streams.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{
    Boxed, DialOpts, ListenerId, Transport, TransportError, TransportEvent,
};
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::multiaddr::{Multiaddr, Protocol};
use libp2p::{PeerId, noise, tcp, yamux};
use tokio::net::{TcpSocket, TcpStream};

use crate::{Problem, places};

/// The host and port in an address that may be connected to.
fn endpoint(address: &Multiaddr) -> Result<SocketAddr, Problem> {
    places::check(address)?;
    let mut parts = address.iter();
    let ip = match parts.next() {
        Some(Protocol::Ip4(ip)) => IpAddr::V4(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::V6(ip),
        _ => return Err("the address begins with no number".into()),
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) => Ok(SocketAddr::new(ip, port)),
        _ => Err("the address names no TCP port".into()),
    }
}

/// A bare connection, from this address if one is named.
pub(crate) async fn socket(from: Option<IpAddr>, to: &Multiaddr) -> Result<TcpStream, Problem> {
    let to = endpoint(to)?;
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(from) = from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Authenticated connections with streams.
pub(crate) fn transport(
    keys: &Keypair,
    from: Option<IpAddr>,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, Problem> {
    let secured = From(from).upgrade(Version::V1).authenticate(noise::Config::new(keys)?);
    let connections = secured.multiplex(yamux::Config::default());
    Ok(connections.map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer))).boxed())
}

/// The address of this machine that has this number, counted from the first: two in a row
/// are in different networks of 256 addresses. On the loopback interface every address of
/// its networks is the machine's own.
pub(crate) fn host(first: Option<IpAddr>, number: u32) -> IpAddr {
    match first {
        Some(IpAddr::V6(first)) => {
            IpAddr::V6((first.to_bits() + (u128::from(number) << 64)).into())
        }
        Some(IpAddr::V4(first)) => IpAddr::V4(nth(first, number)),
        None => IpAddr::V4(nth(Ipv4Addr::new(127, 1, 0, 1), number)),
    }
}

/// Past the last network of a /16 it goes on with the next address in each.
fn nth(first: Ipv4Addr, number: u32) -> Ipv4Addr {
    let (networks, round) = (number % (1 << 15), number >> 15);
    (first.to_bits() + (networks << 8) + round).into()
}

/// Dials from one address. Nobody can dial it.
#[derive(Clone, Copy, Debug)]
struct From(Option<IpAddr>);

type Dial = Pin<Box<dyn Future<Output = io::Result<tcp::tokio::TcpStream>> + Send>>;

impl Transport for From {
    type Output = tcp::tokio::TcpStream;
    type Error = io::Error;
    type ListenerUpgrade = Dial;
    type Dial = Dial;

    fn listen_on(
        &mut self,
        _: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<io::Error>> {
        Err(TransportError::MultiaddrNotSupported(address))
    }

    fn remove_listener(&mut self, _: ListenerId) -> bool {
        false
    }

    fn dial(&mut self, address: Multiaddr, _: DialOpts) -> Result<Dial, TransportError<io::Error>> {
        let from = self.0;
        Ok(Box::pin(async move {
            let stream = socket(from, &address).await;
            stream.map(tcp::tokio::TcpStream).map_err(|why| io::Error::other(why.to_string()))
        }))
    }

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<TransportEvent<Dial, io::Error>> {
        Poll::Pending
    }
}
