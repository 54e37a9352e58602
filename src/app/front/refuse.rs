//! Turns connections away in words of HTTP, before any call of theirs was read.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};

use super::call::overloaded;
use crate::http::{Problem, ProblemKind};

/// How many connections are told at the same time that they are turned away; the others are closed without a word.
const AT_ONCE: usize = 64;

/// How long a connection that is turned away may take to read why.
const FAREWELL: Duration = Duration::from_secs(1);

/// The words, made once.
#[derive(Debug)]
pub(super) struct Refusals {
    overloaded: Bytes,
    plain_http: Bytes,
    room: Arc<Semaphore>,
}

/// Why a connection is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There are as many connections as the gateway takes.
    Overloaded,
    /// It speaks plain HTTP where TLS is spoken.
    PlainHttp,
}

impl Refusals {
    pub(super) fn new() -> Self {
        let plain = "This address speaks TLS: use https.";
        Self {
            overloaded: raw(&overloaded(), "retry-after: 1\r\n"),
            plain_http: raw(&Problem::new(ProblemKind::PlainHttp, plain), ""),
            room: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Leave to say goodbye, if not too many are leaving already.
    pub(super) fn farewell(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }

    /// Says why, and closes. A client that goes on sending is read from for a moment: were the connection closed over
    /// unread bytes, the machine would reset it, and the client might never see the answer.
    pub(super) async fn say(&self, mut stream: TcpStream, why: Refusal) {
        let words = match why {
            Refusal::Overloaded => &self.overloaded,
            Refusal::PlainHttp => &self.plain_http,
        };
        let said = async {
            stream.write_all(words).await?;
            stream.shutdown().await?;
            let mut unread = [0; 1024];
            while stream.read(&mut unread).await? > 0 {}
            std::io::Result::Ok(())
        };
        // Whether it was heard is the client's affair.
        let _ = tokio::time::timeout(FAREWELL, said).await;
    }
}

fn raw(problem: &Problem, headers: &str) -> Bytes {
    let (status, body) = (problem.kind().status(), problem.document());
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {}\r\ncache-control: no-store\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n",
        Problem::MEDIA_TYPE,
        body.len(),
    );
    [head.into_bytes(), body].concat().into()
}
