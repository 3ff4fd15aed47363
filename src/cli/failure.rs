//! How a command fails: one sentence, what to do next, and the exit status.

use std::io;

use serde_json::Value;

use crate::http::client::ClientError;
use crate::node::NodeError;

/// The command was understood but could not be done.
const FAILED: u8 = 1;
/// The command line or the configuration is wrong. Also what clap exits with.
const WRONG: u8 = 2;
/// The command needs a running node and there is none.
const NO_NODE: u8 = 3;

/// Why a command ends early.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// Still to be told.
    #[error("{error}")]
    Sentence {
        /// The exit status.
        status: u8,
        /// What is wrong.
        error: String,
        /// What to do next.
        help: Option<String>,
    },
    /// The command has told it already, or nobody listens any more.
    #[error("status {status}")]
    Told {
        /// The exit status.
        status: u8,
    },
}

impl Failure {
    /// It could not be done.
    pub(super) fn failed(error: impl ToString) -> Self {
        Self::Sentence { status: FAILED, error: error.to_string(), help: None }
    }

    /// The command line or the configuration is wrong.
    pub(super) fn wrong(error: impl ToString) -> Self {
        Self::Sentence { status: WRONG, error: error.to_string(), help: None }
    }

    /// With what to do next.
    pub(super) fn help(self, text: impl Into<String>) -> Self {
        match self {
            Self::Sentence { status, error, .. } => {
                Self::Sentence { status, error, help: Some(text.into()) }
            }
            told @ Self::Told { .. } => told,
        }
    }

    /// The configuration is wrong, and every problem stands on stderr already.
    pub(super) const TOLD_WRONG: Self = Self::Told { status: WRONG };
    /// The answer is no, and it stands on stdout already.
    pub(super) const TOLD_NO: Self = Self::Told { status: FAILED };

    /// The exit status.
    pub(super) fn status(&self) -> u8 {
        match self {
            Self::Sentence { status, .. } | Self::Told { status } => *status,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let status = match &error {
            ClientError::NoNode { .. } => NO_NODE,
            // Bad Request, Unprocessable Content: what was typed makes no sense to the node.
            ClientError::Refused { status: 400 | 422, .. } => WRONG,
            ClientError::Refused { .. }
            | ClientError::Forbidden { .. }
            | ClientError::Silent { .. }
            | ClientError::Broken(_) => FAILED,
        };
        Self::Sentence { status, help: error.remedy(), error: error.to_string() }
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        match &error {
            // A file that the configuration names, or a value that only its user can judge.
            NodeError::File { .. } | NodeError::Request(_) => Self::wrong(error),
            NodeError::Keys(_)
            | NodeError::Store(_)
            | NodeError::Mesh(_)
            | NodeError::Tls(_)
            | NodeError::NotFound(_)
            | NodeError::Stopped(_)
            | NodeError::Stopping => Self::failed(error),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // `dtim … | head` is not an error.
            io::ErrorKind::BrokenPipe => Self::Told { status: 0 },
            _ => Self::failed(error),
        }
    }
}

/// The node's answer lacks what the command has to show.
pub(super) fn strange_answer(answer: &Value, missing: &str) -> Failure {
    let shown: String = answer.to_string().chars().take(200).collect();
    Failure::failed(format!("the node's answer has no {missing}: {shown}"))
        .help("is the node of the same version? See `dtim --version`")
}
