//! Tells controllers how their orders stand (OpenDSR 2.0 section 8.5).
//!
//! What was told last stands on the disk, beside each URL; whenever an order stands otherwise, it is told until it is heard,
//! after a restart too. States that come and go between two tries are told as the last of them.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    API_VERSION, CallbackUrl, OrderError, OrderFrom, Processor, Taken,
    order::{CALLBACKS, Found, Order, Queue},
};
use crate::{
    domain::Timestamp,
    rights::{
        GIVE_UP_AFTER, Rights, RightsError,
        requests::{Certified, RefusalReason, RequestError},
    },
    store::{Batch, CommitError, Expect, Key},
    upstream::{Letter, Post},
};

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// How far the queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calling {
    /// Callbacks that were heard this time.
    pub told: usize,
    /// Callbacks that are to be told something still.
    pub owed: usize,
    /// Callbacks that were given up this time.
    pub unanswered: usize,
}

/// Works off the callbacks that are owed.
pub struct Callbacks {
    rights: Rights,
    processor: Arc<Processor>,
    post: Post,
    /// When to try again, and how long was waited before: in memory, so a restart tries at once.
    again: HashMap<(Key, String), (Timestamp, Duration)>,
    /// Hosts that did not answer in this round: one that hangs is waited for once, and not for each order.
    silent: HashSet<String>,
}

/// What comes of one callback.
enum Heard {
    Yes,
    NotYet,
    GivenUp,
}

impl Callbacks {
    /// A worker over the queue, which sends by `post`.
    #[must_use]
    pub fn new(rights: Rights, processor: Arc<Processor>, post: Post) -> Self {
        Self { rights, processor, post, again: HashMap::new(), silent: HashSet::new() }
    }

    /// Tells every state that is to be told and due.
    ///
    /// # Errors
    /// When the queue cannot be read or an outcome cannot be written; the rest stays owed.
    pub async fn run_due(&mut self) -> Result<Calling, RightsError> {
        let queued = self.rights.off_the_worker(|rights| rights.queued()).await?;
        self.again.retain(|(key, _), _| queued.iter().any(|(known, _)| known == key));
        self.silent.clear();
        let mut calling = Calling::default();
        for (key, queue) in queued {
            self.work_off(&key, queue, &mut calling).await?;
        }
        Ok(calling)
    }

    async fn work_off(
        &mut self,
        key: &Key,
        queue: Found<Queue>,
        calling: &mut Calling,
    ) -> Result<(), RightsError> {
        let from = OrderFrom::of(key).ok_or(OrderError::Unknown)?;
        let taken = match self.rights.order_status(&from).await {
            Ok(taken) => taken,
            // Its requests are kept no longer, so there is nothing left to tell.
            Err(
                RightsError::Order(OrderError::Unknown)
                | RightsError::Request(RequestError::Unknown),
            ) => return self.note(key, queue.version, None, (&from, 0)).await,
            Err(error) => return Err(error),
        };
        let status = taken.progress.status;
        let (mut calls, mut given_up, mut changed) = (queue.value.calls, 0, false);
        for call in calls.iter_mut().filter(|call| call.told != status) {
            match self.call(key, &from, &taken, &call.url).await? {
                Heard::NotYet => {
                    calling.owed += 1;
                    continue;
                }
                Heard::Yes => calling.told += 1,
                Heard::GivenUp => {
                    (given_up, calling.unanswered) = (given_up + 1, calling.unanswered + 1);
                }
            }
            (call.told, changed) = (status, true);
        }
        let ended = status.is_final() && calls.iter().all(|call| call.told == status);
        if !changed && !ended {
            return Ok(());
        }
        let left = (!ended).then_some(Queue { calls });
        self.note(key, queue.version, left, (&from, given_up)).await
    }

    async fn note(
        &self,
        key: &Key,
        version: u64,
        left: Option<Queue>,
        (from, given_up): (&OrderFrom, u32),
    ) -> Result<(), RightsError> {
        let (key, from) = (key.clone(), from.clone());
        let noted =
            move |rights: Rights| rights.noted(key, version, left.as_ref(), (&from, given_up));
        self.rights.off_the_worker(noted).await
    }

    async fn call(
        &mut self,
        key: &Key,
        from: &OrderFrom,
        taken: &Taken,
        url: &str,
    ) -> Result<Heard, RightsError> {
        let now = self.rights.clock.now();
        let place = (key.clone(), url.to_owned());
        if self.again.get(&place).is_some_and(|(at, _)| now < *at) {
            return Ok(Heard::NotYet);
        }
        // The operator may have taken a host off the list since.
        let heard = match self.processor.hosts.allow(url) {
            Some(url) if !self.silent.contains(url.host()) => {
                let letter = self.letter(from, taken, &url)?;
                let reply = self.post.send(letter).await;
                if reply.is_err() {
                    self.silent.insert(url.host().to_owned());
                }
                reply.is_ok_and(|reply| (200..300).contains(&reply.status))
            }
            _ => false,
        };
        if heard {
            self.again.remove(&place);
            return Ok(Heard::Yes);
        }
        let closed = taken.progress.closed_at;
        if closed.is_some_and(|closed| now >= closed.after(GIVE_UP_AFTER)) {
            tracing::warn!(controller.app = %from.app, "a callback was given up after 30 days");
            return Ok(Heard::GivenUp);
        }
        let waited = self.again.get(&place).map_or(Duration::from_secs(1), |(_, wait)| *wait * 2);
        let wait = waited.min(LONGEST_WAIT);
        self.again.insert(place, (now.after(wait), wait));
        Ok(Heard::NotYet)
    }

    fn letter(
        &self,
        from: &OrderFrom,
        taken: &Taken,
        url: &CallbackUrl,
    ) -> Result<Letter, RightsError> {
        let mut body = self.processor.told(from, taken);
        if let Some(body) = body.as_object_mut() {
            body.insert("status_callback_url".to_owned(), url.expose().into());
        }
        let body = body.to_string().into_bytes();
        let headers = self.processor.headers(&body).ok_or(OrderError::Unsigned)?;
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value));
        let headers = headers.chain([("content-type".to_owned(), "application/json".to_owned())]);
        Ok(Letter::post(url.expose(), headers.collect(), body))
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callbacks").field("waiting", &self.again.len()).finish_non_exhaustive()
    }
}

impl Processor {
    /// What is told of an order: to whoever asks, and to its callbacks (OpenDSR 2.0 section 8.3).
    #[must_use]
    pub fn told(&self, from: &OrderFrom, taken: &Taken) -> Value {
        let Taken { progress, dockets, .. } = taken;
        let results = progress.has_results.then(|| format!("{}/v1/me/export", self.url));
        let each = dockets.iter().map(|docket| {
            json!({
                "request": docket.id.to_string(),
                "status": docket.state.as_str(),
                "held": docket.held,
                "reason": docket.reason.map(RefusalReason::as_str),
                "certificate_url": docket.certified.map(|certified| self.certificate_of(certified)),
            })
        });
        let mut ours = json!({ "requests": each.collect::<Vec<_>>() });
        let mut told = json!({
            "controller_id": from.app,
            "expected_completion_time": progress.expected_by.rfc3339(),
            "subject_request_id": from.id.to_string(),
            "request_status": progress.status.as_str(),
            "api_version": API_VERSION,
        });
        if let (Some(outcome), Some(ours)) = (progress.outcome, ours.as_object_mut()) {
            ours.insert("outcome".to_owned(), outcome.as_str().into());
            let reason = progress.reason.map(RefusalReason::as_str);
            ours.insert("reason".to_owned(), reason.into());
        }
        let certified = dockets.iter().find_map(|docket| docket.certified);
        if let (Some(certified), Some(ours)) = (certified, ours.as_object_mut()) {
            ours.insert("certificate_url".to_owned(), self.certificate_of(certified).into());
        }
        if let (true, Some(ours)) = (taken.given_up > 0, ours.as_object_mut()) {
            ours.insert("callbacks_given_up".to_owned(), taken.given_up.into());
        }
        if let Some(told) = told.as_object_mut() {
            told.extend(results.map(|url| ("results_url".to_owned(), url.into())));
            told.insert("extensions".to_owned(), json!({ self.domain.as_str(): ours }));
        }
        told
    }

    fn certificate_of(&self, certified: Certified) -> String {
        format!("{}/v1/rights/certificates/{}", self.url, certified.certificate)
    }

    /// The headers that sign `body`, under their present names and those from before (section 10.1); `None` if it cannot be
    /// signed.
    #[must_use]
    pub fn headers(&self, body: &[u8]) -> Option<[(&'static str, String); 4]> {
        let signature = self.key.sign(body)?;
        Some([
            ("x-opendsr-processor-domain", self.domain.clone()),
            ("x-opendsr-signature", signature.clone()),
            ("x-opengdpr-processor-domain", self.domain.clone()),
            ("x-opengdpr-signature", signature),
        ])
    }
}

impl Rights {
    fn queued(&self) -> Result<Vec<(Key, Found<Queue>)>, RightsError> {
        let mut queued = Vec::new();
        for found in self.store.scan(CALLBACKS) {
            let (key, record) = found?;
            let queue = self.unsealed(&key, &record)?;
            queued.push((key, queue));
        }
        Ok(queued)
    }

    /// Writes down what callbacks were told; without `left`, nothing is left to be told. Waits for the disk.
    fn noted(
        &self,
        key: Key,
        version: u64,
        left: Option<&Queue>,
        (from, given_up): (&OrderFrom, u32),
    ) -> Result<(), RightsError> {
        let mut batch = Batch::default();
        batch.expect.push(Expect::Version { key: key.clone(), version });
        match left {
            Some(queue) => batch.put.push(self.seal(key, Some(version), queue)?),
            None => batch.delete.push(key),
        }
        if let (true, Some(Found { mut value, version })) =
            (given_up > 0, self.sealed::<Order>(&from.order())?)
        {
            value.given_up = value.given_up.saturating_add(given_up);
            batch.put.push(self.seal(from.order(), Some(version), &value)?);
        }
        match self.store.commit_blocking(batch) {
            Ok(_) | Err(CommitError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
