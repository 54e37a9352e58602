//! An answer of any length, written while it is sent. It breaks off where writing it fails: what is cut short does not
//! look whole.

use std::{
    io,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::Frame;
use tokio::sync::mpsc;

/// How large a piece is, and how many wait for a reader that is slow.
const PIECE: usize = 64 << 10;
const AHEAD: usize = 4;

/// The sending end, for a thread that may block.
pub(super) struct Writer {
    piece: Vec<u8>,
    pieces: mpsc::Sender<io::Result<Bytes>>,
}

/// The receiving end, as a body.
struct Pieces(mpsc::Receiver<io::Result<Bytes>>);

/// A body and what writes it.
pub(super) fn begin() -> (Writer, Body) {
    let (pieces, receiver) = mpsc::channel(AHEAD);
    (Writer { piece: Vec::with_capacity(PIECE), pieces }, Body::new(Pieces(receiver)))
}

impl Writer {
    /// Writes more. Says to stop when nobody reads any more.
    pub(super) fn write(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() < PIECE { ControlFlow::Continue(()) } else { self.send() }
    }

    /// Ends the body well.
    pub(super) fn end(mut self) {
        let _ = self.send();
    }

    /// Breaks it off.
    pub(super) fn break_off(self) {
        let _ = self.pieces.blocking_send(Err(io::ErrorKind::BrokenPipe.into()));
    }

    fn send(&mut self) -> ControlFlow<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        match self.pieces.blocking_send(Ok(piece.into())) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
