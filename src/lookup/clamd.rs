//! clamd: a file's bytes in, a verdict out (clamd(8), INSTREAM).
//!
//! Owns one connection a file. It must never believe an answer that is not one, nor
//! read more of it than an answer can have.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

#[cfg(test)]
mod tests;

/// Bytes that are sent at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// The longest answer; the longest name of a signature is far shorter.
const MAX_ANSWER_BYTES: u64 = 4096;

/// Where clamd is, and how long it may take.
#[derive(Clone, Debug)]
pub struct Clamd {
    /// Its Unix socket.
    pub socket: PathBuf,
    /// The longest silence: while it takes bytes, and until it answers. Its own
    /// `MaxScanTime` is two minutes.
    pub patience: Duration,
}

/// What clamd thinks of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Clean,
    /// It is malware.
    Found {
        /// The signature that matched.
        signature: String,
        /// Of exactly the bytes that clamd saw, in hexadecimal.
        sha256: String,
    },
    /// It is larger than clamd's `StreamMaxLength`.
    TooLarge,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum NoVerdict {
    /// clamd is not there.
    #[error("clamd cannot be reached ({0}): start it, or correct [watchers] clamd_socket")]
    Down(io::Error),
    /// clamd was there and gave none; the same may happen with the next file or not.
    #[error("clamd gave no verdict: {0}; its log says why")]
    Broken(String),
    /// The file itself cannot be read.
    #[error("the file could not be read: {0}")]
    Unreadable(io::Error),
}

impl Clamd {
    /// Streams the first `bytes` bytes of a file, fewer if it has shrunk.
    pub async fn scan(&self, file: std::fs::File, bytes: u64) -> Result<Verdict, NoVerdict> {
        let connecting = timeout(self.patience, UnixStream::connect(&self.socket)).await;
        let mut clamd = connecting.map_err(|_| self.silent())?.map_err(NoVerdict::Down)?;
        let mut hash = Sha256::new();
        let sent = self.stream(&mut clamd, file, bytes, &mut hash).await;
        // Who sends too much is cut off, but told why.
        let answer = match (sent, self.answer(&mut clamd).await) {
            (Err(unreadable @ NoVerdict::Unreadable(_)), _) => return Err(unreadable),
            (_, Ok(answer)) if !answer.is_empty() => answer,
            (Err(broken), _) | (Ok(()), Err(broken)) => return Err(broken),
            (Ok(()), Ok(_)) => return Err(NoVerdict::Broken("it hung up".to_owned())),
        };
        match read(&answer) {
            Some(Answer::Clean) => Ok(Verdict::Clean),
            Some(Answer::TooLarge) => Ok(Verdict::TooLarge),
            Some(Answer::Found(signature)) => Ok(Verdict::Found {
                signature: signature.to_owned(),
                sha256: hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            }),
            None => Err(NoVerdict::Broken(format!("it answered {:?}", answer.escape_debug()))),
        }
    }

    async fn stream(
        &self,
        clamd: &mut UnixStream,
        file: std::fs::File,
        bytes: u64,
        hash: &mut Sha256,
    ) -> Result<(), NoVerdict> {
        let mut file = tokio::fs::File::from_std(file).take(bytes);
        let mut chunk = vec![0; CHUNK_BYTES];
        self.send(clamd, b"zINSTREAM\0").await?;
        loop {
            let length = file.read(&mut chunk).await.map_err(NoVerdict::Unreadable)?;
            let part = chunk.get(..length).unwrap_or_default();
            hash.update(part);
            // A chunk of no bytes is the end.
            let head = u32::try_from(length).unwrap_or_default().to_be_bytes();
            self.send(clamd, &head).await?;
            self.send(clamd, part).await?;
            if part.is_empty() {
                return Ok(());
            }
        }
    }

    async fn send(&self, clamd: &mut UnixStream, bytes: &[u8]) -> Result<(), NoVerdict> {
        let sent = timeout(self.patience, clamd.write_all(bytes)).await;
        sent.map_err(|_| self.silent())?.map_err(|why| NoVerdict::Broken(why.to_string()))
    }

    async fn answer(&self, clamd: &mut UnixStream) -> Result<String, NoVerdict> {
        let mut answer = Vec::new();
        let mut answering = clamd.take(MAX_ANSWER_BYTES);
        let read = timeout(self.patience, answering.read_to_end(&mut answer)).await;
        let read = read.map_err(|_| self.silent())?;
        // Who is cut off has the answer, and then a reset for what was not taken.
        match read {
            Err(why) if answer.is_empty() => Err(NoVerdict::Broken(why.to_string())),
            Err(_) | Ok(_) => Ok(String::from_utf8_lossy(&answer).into_owned()),
        }
    }

    fn silent(&self) -> NoVerdict {
        NoVerdict::Broken(format!("it said nothing for {} s", self.patience.as_secs()))
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Answer<'a> {
    Clean,
    Found(&'a str),
    TooLarge,
}

/// `stream: OK`, `stream: NAME FOUND` or an error, ended by a zero.
fn read(answer: &str) -> Option<Answer<'_>> {
    let answer = answer.strip_suffix('\0')?.trim_end();
    if answer.starts_with("INSTREAM size limit exceeded") {
        return Some(Answer::TooLarge);
    }
    let verdict = answer.strip_prefix("stream: ")?;
    let name = verdict
        .strip_suffix(" FOUND")
        .filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()));
    match verdict {
        "OK" => Some(Answer::Clean),
        _ => name.map(Answer::Found),
    }
}
