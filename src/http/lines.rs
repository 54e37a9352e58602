//! NDJSON: bodies of lines, each read and answered by itself, in order.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::{Buf as _, Bytes, BytesMut};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;

use super::{Problem, ProblemKind};

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
}

impl Lines {
    /// The lines of `body`, each of `longest` bytes at most.
    pub(super) fn of(body: Body, longest: usize) -> Self {
        Self { body, kept: BytesMut::new(), seen: 0, longest, dropping: false, ended: false }
    }

    /// The next line without its end; `None` after the last one. A line end at the end of the body begins no line.
    /// To be dropped and called again at any time: what was read is kept.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, Problem>> {
        loop {
            if let Some(line) = self.cut() {
                return Some(line);
            }
            if self.ended {
                return self.last();
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.kept.extend_from_slice(&data);
                    }
                }
                Some(Err(_)) => {
                    self.ended = true;
                    self.kept.clear();
                    let detail = "The connection closed before the body was complete.";
                    return Some(Err(Problem::new(ProblemKind::BodyInterrupted, detail)));
                }
                None => self.ended = true,
            }
        }
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

    async fn lines(pieces: &[&'static str], longest: usize) -> Vec<Result<String, ProblemKind>> {
        let (writer, body) = Written::begin(pieces.len().max(1));
        for piece in pieces {
            writer.send(Bytes::from_static(piece.as_bytes())).await.unwrap();
        }
        drop(writer);
        let (mut lines, mut all) = (Lines::of(body, longest), Vec::new());
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
}
