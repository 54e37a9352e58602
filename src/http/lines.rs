//! NDJSON: bodies of lines, each read and answered by itself, in order.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::{Buf as _, Bytes, BytesMut};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{Problem, ProblemKind, caller::too_slow};

/// The media type of NDJSON.
pub(super) const NDJSON: &str = "application/x-ndjson";

/// A body, line by line.
pub(super) struct Lines {
    body: Body,
    kept: BytesMut,
    /// How much of `kept` holds no line end.
    seen: usize,
    longest: usize,
    /// Inside a line that is too long: it is read to its end and dropped.
    dropping: bool,
    ended: bool,
    /// How long a line may take, and when the one that is waited for has had its time.
    within: Duration,
    until: Option<Instant>,
}

impl Lines {
    /// The lines of `body`, each of `longest` bytes at most. One that takes longer than `within` ends the body.
    pub(super) fn of(body: Body, longest: usize, within: Duration) -> Self {
        Self {
            body,
            kept: BytesMut::new(),
            seen: 0,
            longest,
            dropping: false,
            ended: false,
            within,
            until: None,
        }
    }

    /// The next line without its end; `None` after the last one. A line end at the end of the body begins no line.
    /// To be dropped and called again at any time: what was read is kept.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, Problem>> {
        loop {
            if let Some(line) = self.cut() {
                self.until = None;
                return Some(line);
            }
            if self.ended {
                return self.last();
            }
            let until = *self.until.get_or_insert_with(|| Instant::now() + self.within);
            let Ok(frame) = timeout_at(until, self.body.frame()).await else {
                return Some(Err(self.give_up(too_slow(self.within, "Each line"))));
            };
            match frame {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.kept.extend_from_slice(&data);
                    }
                }
                Some(Err(_)) => {
                    let detail = "The connection closed before the body was complete.";
                    let problem = Problem::new(ProblemKind::BodyInterrupted, detail);
                    return Some(Err(self.give_up(problem)));
                }
                None => self.ended = true,
            }
        }
    }

    /// Ends the body before its end, for a reason that its reader is told.
    fn give_up(&mut self, why: Problem) -> Problem {
        self.ended = true;
        self.dropping = false;
        self.seen = 0;
        self.kept.clear();
        why
    }

    /// The next whole line that is in memory.
    fn cut(&mut self) -> Option<Result<Bytes, Problem>> {
        let found = self.kept.iter().skip(self.seen).position(|byte| *byte == b'\n');
        let Some(end) = found.map(|end| end + self.seen) else {
            self.seen = self.kept.len();
            if self.kept.len() > self.longest {
                self.dropping = true;
                self.kept.clear();
                self.seen = 0;
            }
            return None;
        };
        let line = self.kept.split_to(end).freeze();
        self.kept.advance(1);
        self.seen = 0;
        Some(self.checked(line))
    }

    fn last(&mut self) -> Option<Result<Bytes, Problem>> {
        if self.kept.is_empty() && !self.dropping {
            return None;
        }
        let line = self.kept.split().freeze();
        self.seen = 0;
        Some(self.checked(line))
    }

    fn checked(&mut self, mut line: Bytes) -> Result<Bytes, Problem> {
        if std::mem::take(&mut self.dropping) || line.len() > self.longest {
            let limit = self.longest;
            let detail = format!("A line may have at most {limit} bytes.");
            return Err(Problem::new(ProblemKind::BodyTooLarge, detail).with("limit", limit));
        }
        if line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        Ok(line)
    }
}

/// An answer that is written while it is sent. When its reader goes away, the writer's next send fails.
pub(super) struct Written(mpsc::Receiver<Bytes>);

impl Written {
    /// A body and what writes it; at most `ahead` pieces wait for a reader that is slow.
    pub(super) fn begin(ahead: usize) -> (mpsc::Sender<Bytes>, Body) {
        let (writer, reader) = mpsc::channel(ahead);
        (writer, Body::new(Self(reader)))
    }
}

impl http_body::Body for Written {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(10);

    async fn lines(pieces: &[&'static str], longest: usize) -> Vec<Result<String, ProblemKind>> {
        let (writer, body) = Written::begin(pieces.len().max(1));
        for piece in pieces {
            writer.send(Bytes::from_static(piece.as_bytes())).await.unwrap();
        }
        drop(writer);
        let (mut lines, mut all) = (Lines::of(body, longest, WITHIN), Vec::new());
        while let Some(line) = lines.next().await {
            let line = line.map(|line| String::from_utf8(line.to_vec()).unwrap());
            all.push(line.map_err(|problem| problem.kind()));
        }
        all
    }

    fn good(lines: &[&str]) -> Vec<Result<String, ProblemKind>> {
        lines.iter().map(|line| Ok((*line).to_owned())).collect()
    }

    #[tokio::test]
    async fn lines_are_cut_wherever_the_pieces_end() {
        for pieces in [
            &["ab\ncd\n"] as &[_],
            &["ab\ncd"],
            &["a", "b", "\n", "c", "d"],
            &["ab\r\ncd\r\n"],
            &["ab\nc", "d\n"],
        ] {
            assert_eq!(lines(pieces, 9).await, good(&["ab", "cd"]), "{pieces:?}");
        }
        assert_eq!(lines(&["a\n\nb"], 9).await, good(&["a", "", "b"]));
        assert_eq!(lines(&[""], 9).await, []);
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_harms_no_other() {
        let too_long = Err(ProblemKind::BodyTooLarge);
        for pieces in [&["ab\n123456\ncd"] as &[_], &["ab\n123", "4567", "89", "0\ncd"]] {
            let mut told = good(&["ab", "cd"]);
            told.insert(1, too_long.clone());
            assert_eq!(lines(pieces, 5).await, told, "{pieces:?}");
        }
        assert_eq!(lines(&["1234567"], 5).await, [too_long]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_that_drips_ends_the_body_and_lines_in_time_do_not() {
        let (writer, body) = Written::begin(1);
        let slow = tokio::spawn(async move {
            for piece in ["a\n", "b\n", "c", "c", "c"] {
                tokio::time::sleep(Duration::from_secs(6)).await;
                let _ = writer.send(Bytes::from_static(piece.as_bytes())).await;
            }
        });
        let mut lines = Lines::of(body, 9, WITHIN);
        assert_eq!(lines.next().await.unwrap().unwrap(), "a");
        assert_eq!(lines.next().await.unwrap().unwrap(), "b");
        let late = lines.next().await.unwrap().unwrap_err();
        assert_eq!(late.kind(), ProblemKind::BodyTimeout);
        assert!(lines.next().await.is_none(), "half a line is none");
        slow.abort();
    }
}
