//! A clamd that misbehaves in every way that is known.

use std::io::{Seek as _, Write as _};

use tokio::net::UnixListener;

use super::*;

/// What the other side does with a connection.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// Takes everything, then answers so.
    Answers(&'static str),
    /// Answers so after this many bytes and hangs up.
    CutsOff(usize, &'static str),
    /// Takes nothing and says nothing.
    Hangs,
    /// Says more than an answer can be.
    Babbles,
}

fn file(bytes: &[u8]) -> std::fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

/// Scans bytes with a clamd of that manner; also what it was sent.
async fn scan(bytes: &[u8], manner: Manner) -> (Result<Verdict, NoVerdict>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("clamd");
    let listener = UnixListener::bind(&socket).unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        let mut part = [0; 4096];
        loop {
            match manner {
                Manner::Hangs => std::future::pending().await,
                Manner::CutsOff(most, answer) if heard.len() >= most => {
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    return heard;
                }
                _ => {}
            }
            let read = stream.read(&mut part).await.unwrap();
            heard.extend_from_slice(&part[..read]);
            if !heard.ends_with(&[0; 4]) && read > 0 {
                continue;
            }
            match manner {
                Manner::Answers(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                // The other side stops reading; that is not this one's failure.
                Manner::Babbles => while stream.write_all(&[b'x'; 4096]).await.is_ok() {},
                Manner::CutsOff(..) | Manner::Hangs => {}
            }
            return heard;
        }
    });
    let clamd = Clamd {
        socket,
        patience: Duration::from_secs(if matches!(manner, Manner::Hangs) { 0 } else { 60 }),
    };
    let verdict = clamd.scan(file(bytes), bytes.len() as u64).await;
    if matches!(manner, Manner::Hangs) {
        server.abort();
    }
    (verdict, server.await.unwrap_or_default())
}

#[tokio::test]
async fn the_bytes_are_framed_and_the_hash_is_of_what_was_sent() {
    let (verdict, heard) = scan(b"abc", Manner::Answers("stream: Win.Test-1 FOUND\0")).await;
    assert_eq!(heard, b"zINSTREAM\0\0\0\0\x03abc\0\0\0\0");
    // FIPS 180-2, appendix B.1.
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
    assert_eq!(verdict.unwrap(), Verdict::Found { signature: "Win.Test-1".to_owned(), sha256 });
    let (verdict, heard) = scan(b"", Manner::Answers("stream: OK\0")).await;
    assert_eq!((verdict.unwrap(), heard.as_slice()), (Verdict::Clean, &b"zINSTREAM\0\0\0\0\0"[..]));
}

#[tokio::test]
async fn a_file_that_grows_is_cut_where_it_ended_and_a_shrunk_one_ends_early() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("clamd");
    for (bytes, sent) in [(2, &b"\0\0\0\x02ab\0\0\0\0"[..]), (9, b"\0\0\0\x03abc\0\0\0\0")] {
        std::fs::remove_file(&socket).ok();
        let listener = UnixListener::bind(&socket).unwrap();
        let clamd = Clamd { socket: socket.clone(), patience: Duration::from_secs(60) };
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = vec![0; 10 + sent.len()];
            stream.read_exact(&mut heard).await.unwrap();
            stream.write_all(b"stream: OK\0").await.unwrap();
            heard
        };
        let (verdict, heard) = tokio::join!(clamd.scan(file(b"abc"), bytes), server);
        assert_eq!((verdict.unwrap(), &heard[10..]), (Verdict::Clean, sent));
    }
}

#[tokio::test]
async fn who_sends_too_much_is_told_so_even_in_the_middle() {
    let large = vec![7; 8 << 20];
    let limit = "INSTREAM size limit exceeded. ERROR\0";
    let (verdict, heard) = scan(&large, Manner::CutsOff(100_000, limit)).await;
    assert_eq!(verdict.unwrap(), Verdict::TooLarge);
    assert!(heard.len() < large.len());
}

#[tokio::test]
async fn what_is_no_answer_is_no_verdict() {
    for manner in [
        Manner::Answers(""),
        Manner::Answers("stream: OK"),
        Manner::Answers("stream: OK FOUND or not\0"),
        Manner::Answers("stream:  FOUND\0"),
        Manner::Answers("stream: a b FOUND\0"),
        Manner::Answers("stream: a\u{1b}[31m FOUND\0"),
        Manner::Answers("UNKNOWN COMMAND\0"),
        Manner::Answers("stream: Can't allocate memory ERROR\0"),
        Manner::CutsOff(1, ""),
        Manner::Babbles,
        Manner::Hangs,
    ] {
        let (verdict, _) = scan(&[1; 200_000], manner).await;
        assert!(matches!(verdict, Err(NoVerdict::Broken(_))), "{manner:?}: {verdict:?}");
    }
}

#[tokio::test]
async fn a_clamd_that_is_not_there_is_down() {
    let clamd =
        Clamd { socket: PathBuf::from("/nonexistent/clamd"), patience: Duration::from_secs(60) };
    let verdict = clamd.scan(file(b"abc"), 3).await;
    assert!(matches!(verdict, Err(NoVerdict::Down(_))), "{verdict:?}");
}

proptest::proptest! {
    #[test]
    fn no_answer_panics_and_no_signature_is_more_than_a_word(answer in ".{0,80}") {
        for answer in [answer.clone(), format!("stream: {answer} FOUND\0")] {
            if let Some(Answer::Found(name)) = read(&answer) {
                proptest::prop_assert!(name.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
