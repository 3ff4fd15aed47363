//! A small HTTP/1.1 client for a node's control socket.
//!
//! Owns the way from a command (or the demonstration) to a running node. It
//! knows no route and no meaning of an answer: JSON in, JSON out.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

#[cfg(test)]
mod tests;

/// How long a node may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer that is read.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// How much of an answer that is not JSON is shown.
const MAX_SHOWN_CHARS: usize = 200;

/// Speaks to the node that listens on one control socket.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// For the node on that socket; nothing is connected yet.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    /// The socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Asks. `path` comes from [`target`] or is a plain path.
    pub async fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.exchange(Method::GET, path, None).await
    }

    /// Tells.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.exchange(Method::POST, path, Some(body)).await
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, ClientError> {
        tokio::time::timeout(PATIENCE, self.exchange_slowly(method, path, body))
            .await
            .unwrap_or(Err(ClientError::Silent { seconds: PATIENCE.as_secs() }))
    }

    async fn exchange_slowly(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|e| self.no_stream(e))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.map(Value::to_string).unwrap_or_default())))
            .map_err(|e| ClientError::Broken(e.to_string()))?;
        let answer = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
            let bytes = body.map_err(|e| ClientError::Broken(e.to_string()))?.to_bytes();
            read_answer(status, &bytes)
        };
        tokio::pin!(answer);
        // The connection only moves bytes; what counts is the answer.
        tokio::select! {
            answer = &mut answer => answer,
            ended = connection => match ended {
                Ok(()) => answer.await,
                Err(error) => Err(error.into()),
            },
        }
    }

    fn no_stream(&self, error: io::Error) -> ClientError {
        let socket = self.socket.clone();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ClientError::NoNode { socket }
            }
            io::ErrorKind::PermissionDenied => ClientError::Forbidden { socket },
            _ => ClientError::Broken(error.to_string()),
        }
    }
}

fn read_answer(status: StatusCode, bytes: &[u8]) -> Result<Value, ClientError> {
    let answer = serde_json::from_slice::<Value>(bytes);
    if status.is_success() {
        return answer.map_err(|e| ClientError::Broken(format!("the answer is not JSON: {e}")));
    }
    let said = |name: &str| Some(answer.as_ref().ok()?.get(name)?.as_str()?.to_owned());
    let error = said("error").unwrap_or_else(|| {
        let text: String = String::from_utf8_lossy(bytes).chars().take(MAX_SHOWN_CHARS).collect();
        format!("the node answered {status}: {text}").trim_end_matches([' ', ':']).to_owned()
    });
    Err(ClientError::Refused { status: status.as_u16(), error, remedy: said("remedy") })
}

/// A path of segments, and a query, each written so that any text may stand in it.
pub fn target(segments: &[&str], query: &[(&str, &str)]) -> String {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        // `+` means a space in a query, but itself in a path.
        path.extend(
            url::form_urlencoded::byte_serialize(segment.as_bytes())
                .map(|part| if part == "+" { "%20" } else { part }),
        );
    }
    if !query.is_empty() {
        path.push('?');
        path.push_str(
            &url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish(),
        );
    }
    path
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens on the socket.
    #[error("no node is running: nothing listens on {}", socket.display())]
    NoNode {
        /// The socket.
        socket: PathBuf,
    },
    /// The file mode of the socket keeps this user out.
    #[error("you may not use the control socket {}", socket.display())]
    Forbidden {
        /// The socket.
        socket: PathBuf,
    },
    /// The node understood and refused.
    #[error("{error}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What is wrong.
        error: String,
        /// What to do.
        remedy: Option<String>,
    },
    /// The node took too long.
    #[error("the node gave no answer within {seconds} s")]
    Silent {
        /// How long it had.
        seconds: u64,
    },
    /// The exchange broke off, or the answer makes no sense.
    #[error("the exchange with the node failed: {0}")]
    Broken(String),
}

impl ClientError {
    /// What the operator can do about it.
    pub fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::NoNode { .. } => {
                "start it with `dtim run`, or name its configuration with --config".to_owned()
            }
            Self::Forbidden { .. } => {
                "become a member of the group that owns it, or use sudo".to_owned()
            }
            Self::Refused { remedy, .. } => return remedy.clone(),
            Self::Silent { .. } => "look into its log, or stop it and start it again".to_owned(),
            Self::Broken(_) => "is the node of the same version? See `dtim --version`".to_owned(),
        })
    }
}

impl From<hyper::Error> for ClientError {
    fn from(error: hyper::Error) -> Self {
        Self::Broken(error.to_string())
    }
}
