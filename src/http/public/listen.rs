//! The socket: accept, handshake, serve, and an end to each.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{interval, sleep, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use super::client::Client;
use super::door::{Door, Place};
use crate::http::listen::{ListenError, stopped};
use crate::metrics::Metrics;
use crate::node::now;
use crate::tls::{Keeper, PEER_ALPN};

/// From the first byte to the end of the handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// For the head of a request, also while a connection rests between two.
const HEAD: Duration = Duration::from_secs(15);
/// From a request's head to the head of its answer.
const REQUEST: Duration = Duration::from_secs(30);
/// The bytes of a request's head.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// The header fields of a request.
const MAX_HEADERS: usize = 64;
/// What may be read ahead from a connection, in bytes.
const MAX_BUFFER_BYTES: usize = 64 * 1024;
/// What is under way may end within this when the listener stops.
const GRACE: Duration = Duration::from_secs(2);
/// How often certificates are looked at, and renewed if it is time.
const RENEW: Duration = Duration::from_secs(3600);
/// After the system refused a connection: too many open files, most likely.
const REST: Duration = Duration::from_millis(100);

/// What is served where.
#[derive(Debug)]
pub struct Public {
    /// Where to listen.
    pub address: SocketAddr,
    /// What to serve.
    pub router: Router,
    /// As whom.
    pub keeper: Keeper,
    /// Where to count.
    pub metrics: Metrics,
}

/// Serves the public listener until told to stop. Returns the address it got.
pub async fn serve_public(
    public: Public,
    stop: watch::Receiver<bool>,
) -> Result<(SocketAddr, JoinHandle<()>), ListenError> {
    const KEY: &str = "[api] listen";
    let fail = |why| ListenError::new(KEY, public.address, why);
    let listener = TcpListener::bind(public.address).await.map_err(fail)?;
    let bound = listener.local_addr().map_err(fail)?;
    Ok((bound, tokio::spawn(accept(listener, public, stop))))
}

#[derive(Clone)]
struct Serving {
    router: Router,
    keeper: Keeper,
    metrics: Metrics,
    door: Door,
    stop: watch::Receiver<bool>,
}

async fn accept(listener: TcpListener, public: Public, stop: watch::Receiver<bool>) {
    let Public { router, keeper, metrics, .. } = public;
    let timed_out = axum::http::StatusCode::SERVICE_UNAVAILABLE;
    let router = router
        .layer(TimeoutLayer::with_status_code(timed_out, REQUEST))
        .layer(CatchPanicLayer::new());
    let serving = Serving { router, keeper, metrics, door: Door::new(), stop: stop.clone() };
    // Bounded by the door.
    let mut connections = JoinSet::new();
    let mut renewal = interval(RENEW);
    renewal.tick().await;
    loop {
        tokio::select! {
            () = stopped(stop.clone()) => break,
            Some(_) = connections.join_next() => serving.gauge(),
            _ = renewal.tick() => serving.renew(),
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => match serving.door.enter(from.ip(), now()) {
                    Ok(place) => {
                        connections.spawn(serving.clone().serve(stream, from, place));
                        serving.gauge();
                    }
                    Err(closed) => serving.refused(closed.label()),
                },
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be taken");
                    sleep(REST).await;
                }
            },
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    // What takes longer is cut off when the set is dropped.
    timeout(GRACE, ended).await.ok();
    serving.gauge();
}

impl Serving {
    async fn serve(self, stream: TcpStream, from: SocketAddr, mut place: Place) {
        // Answers are small and wanted at once; a socket that refuses works as well.
        stream.set_nodelay(true).ok();
        let (client, stream) = match timeout(HANDSHAKE, self.handshake(stream, from)).await {
            Ok(Ok(established)) => established,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a TLS handshake failed");
                return self.refused("handshake");
            }
            Err(_) => return self.refused("slow_handshake"),
        };
        place.established();
        let Self { router, stop, .. } = self;
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(client.clone());
            let answer = router.clone().oneshot(request.map(Body::new));
            async { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD_BYTES)
            .max_buf_size(MAX_BUFFER_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopped(stop) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
        drop(place);
    }

    /// Who comes as a node must prove which one, and sees this node's proof; everybody
    /// else sees the certificate for clients.
    async fn handshake(
        &self,
        stream: TcpStream,
        from: SocketAddr,
    ) -> io::Result<(Client, TlsStream<TcpStream>)> {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let as_node = hello
            .client_hello()
            .alpn()
            .is_some_and(|mut offered| offered.any(|protocol| protocol == PEER_ALPN));
        let config = self.keeper.current().borrow().serve(as_node);
        let stream = hello.into_stream(config).await?;
        let certificates = stream.get_ref().1.peer_certificates();
        let client = Client::of(from.ip().to_canonical(), as_node, certificates)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no node has such a key"))?;
        Ok((client, stream))
    }

    fn renew(&self) {
        let keeper = self.keeper.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = keeper.renew(now()) {
                tracing::error!(%error, "certificates could not be renewed; the old ones stay");
            }
        });
    }

    fn refused(&self, reason: &str) {
        self.metrics.http.refused.with_label_values(&[reason]).inc();
    }

    fn gauge(&self) {
        let connections = i64::try_from(self.door.connections()).unwrap_or(i64::MAX);
        self.metrics.http.connections.set(connections);
    }
}
