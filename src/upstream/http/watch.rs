//! Sees a call's bytes leave: a body that knows when it was taken, a stream that knows when it was flushed.
//!
//! Promises: [`Progress::touched`] is true once the kernel has taken a byte, and not before; [`Progress::written`] is
//! true only once the kernel holds the last one. hyper flushes the stream only when its own buffers are empty, so a
//! flush after the body's end means that every byte is out of this process.

use std::{
    convert::Infallible,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How far one call's bytes have come. One task reads and writes it, so the order of its flags needs no fences.
#[derive(Debug, Default)]
pub(super) struct Progress {
    touched: AtomicBool,
    drained: AtomicBool,
    written: AtomicBool,
}

impl Progress {
    /// Whether any byte may have left.
    pub(super) fn touched(&self) -> bool {
        self.touched.load(Relaxed)
    }

    fn took(&self, bytes: usize) {
        if bytes > 0 {
            self.touched.store(true, Relaxed);
        }
    }

    /// Whether all bytes have left.
    pub(super) fn written(&self) -> bool {
        self.written.load(Relaxed)
    }
}

/// The body of a call.
#[derive(Debug)]
pub(super) struct Content {
    bytes: Option<Bytes>,
    progress: Arc<Progress>,
}

impl Content {
    pub(super) fn new(bytes: Bytes, progress: Arc<Progress>) -> Self {
        // An empty body is never asked for a frame.
        progress.drained.store(bytes.is_empty(), Relaxed);
        Self { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()), progress }
    }
}

impl http_body::Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = self.bytes.take();
        self.progress.drained.store(true, Relaxed);
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// A connection's stream, which reports to the call that uses it now.
#[derive(Debug)]
pub(super) struct Watched {
    io: TokioIo<TcpStream>,
    slot: Slot,
}

/// Where the call that uses a connection leaves its [`Progress`].
pub(super) type Slot = Arc<std::sync::Mutex<Option<Arc<Progress>>>>;

impl Watched {
    pub(super) fn new(stream: TcpStream, slot: Slot) -> Self {
        Self { io: TokioIo::new(stream), slot }
    }

    fn report(&self, what: impl FnOnce(&Progress)) {
        let slot = self.slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(progress) = slot.as_deref() {
            what(progress);
        }
    }
}

impl Read for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        self.report(|progress| progress.took(taken));
        Poll::Ready(Ok(taken))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let taken = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs))?;
        self.report(|progress| progress.took(taken));
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.report(|progress| {
            let all = progress.touched.load(Relaxed) && progress.drained.load(Relaxed);
            progress.written.store(all, Relaxed);
        });
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
