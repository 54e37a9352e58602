//! What of a body nobody reads: a call that is refused by its head leaves its body on the way.
//!
//! The HTTP library closes the connection under such a body without a word. A client that keeps connections finds out
//! with its next call, and one that still sends has its answer lost in a reset. So a short rest is taken in, and the
//! answer says so when the connection ends instead (RFC 9112 section 9.6).

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::{
    sync::oneshot::{Receiver, Sender, channel},
    time::timeout,
};

/// The longest rest that is taken in, in bytes. Beyond it a new connection costs both sides less.
const WORTH_TAKING: u64 = 1024 * 1024;

/// How long the answer waits for a rest that is on its way.
pub(super) const WITHIN: Duration = Duration::from_secs(1);

/// A call's body, which comes back to [`Rest`] if it is dropped before its end.
pub(in crate::app) struct Lent {
    body: Option<Incoming>,
    back: Option<Sender<Incoming>>,
}

/// Where a body that was lent comes back to.
pub(super) struct Rest {
    back: Option<Receiver<Incoming>>,
    /// The client sends nothing until it is asked to.
    expects: bool,
}

/// Lends the body of `request` to whoever answers it.
pub(super) fn lend(request: Request<Incoming>) -> (Request<Lent>, Rest) {
    let expects = request.headers().contains_key(header::EXPECT);
    let (sender, receiver) = if request.body().is_end_stream() {
        (None, None)
    } else {
        let (sender, receiver) = channel();
        (Some(sender), Some(receiver))
    };
    let lent = request.map(|body| Lent { body: Some(body), back: sender });
    (lent, Rest { back: receiver, expects })
}

impl Rest {
    /// Takes in what is left of the body, for as long as `within`. Returns whether the connection can go on after the
    /// answer.
    ///
    /// A body that the answer itself still reads is left to it.
    pub(super) async fn take_in(self, within: Duration) -> bool {
        let Some(mut body) = self.back.and_then(|mut back| back.try_recv().ok()) else {
            return true;
        };
        if self.expects || body.size_hint().upper().is_none_or(|left| left > WORTH_TAKING) {
            return false;
        }
        let taken_in = async {
            while let Some(frame) = body.frame().await {
                if frame.is_err() {
                    return false;
                }
            }
            true
        };
        timeout(within, taken_in).await.unwrap_or(false)
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(cx);
        if !matches!(frame, Poll::Pending | Poll::Ready(Some(Ok(_)))) {
            self.back = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(back), Some(body)) = (self.back.take(), self.body.take())
            && !body.is_end_stream()
        {
            // Nobody waits for it any more: it goes, and the connection with it.
            let _ = back.send(body);
        }
    }
}
