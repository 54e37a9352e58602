//! The witness itself: what it cosigned last of each log, and whether it cosigns what comes next.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    WitnessError,
    protocol::{Answer, Malformed, Request, plain},
    state::{Folder, Kept},
};
use crate::{
    ambient::{Clock, File, Fs, OpenMode},
    tlog::{Checkpoint, Note, NoteSigner, Signs, VerifierKey, empty_root, is_consistent},
};

/// A witness of some logs.
#[derive(Debug)]
pub struct Witness {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    clock: Clock,
    signer: NoteSigner,
    logs: Vec<VerifierKey>,
    seen: Mutex<BTreeMap<String, Seen>>,
    /// Held as long as this lives: two witnesses over one folder could sign two histories.
    _lock: Box<dyn File>,
}

/// What was cosigned last of one log. Who decides holds it until the decision is on the disk.
type Seen = Arc<Mutex<Option<Kept>>>;

impl Witness {
    /// Opens the witness whose state lies in `dir`, which is made if it is not there. Of a log whose name ends in a
    /// half-year, such as `/2026h2` or `/2026h2.2`, it follows the other shards too, under the same key.
    ///
    /// # Errors
    /// When the folder cannot be used or is in use, a file in it is damaged, or a key is none of a log.
    pub fn open(
        fs: Arc<dyn Fs>,
        dir: &Path,
        clock: Clock,
        signer: NoteSigner,
        logs: Vec<VerifierKey>,
    ) -> Result<Self, WitnessError> {
        for (place, log) in logs.iter().enumerate() {
            if log.signs != Signs::Text {
                return Err(WitnessError::NotALog(log.name.clone()));
            }
            if logs.iter().take(place).any(|other| other.name == log.name) {
                return Err(WitnessError::Twice(log.name.clone()));
            }
        }
        let io = |source| WitnessError::Io { path: dir.to_owned(), source };
        fs.create_dir_all(dir).map_err(io)?;
        let lock = fs.open(&dir.join("LOCK"), OpenMode::Write).map_err(io)?;
        if !lock.try_lock().map_err(io)? {
            return Err(WitnessError::Busy(dir.to_owned()));
        }
        let kept = Folder { fs: &*fs, path: dir }.read()?;
        let seen =
            kept.into_iter().map(|(origin, kept)| (origin, Seen::new(Mutex::new(Some(kept)))));
        let seen = Mutex::new(seen.collect());
        Ok(Self { dir: dir.to_owned(), clock, signer, logs, seen, _lock: lock, fs })
    }

    /// What verifies its signatures.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        self.signer.verifier()
    }

    /// The size of the checkpoint it cosigned last of `origin`; nothing if it never did.
    #[must_use]
    pub fn last(&self, origin: &str) -> Option<u64> {
        let seen = lock(&self.seen).get(origin).cloned()?;
        lock(&seen).as_ref().map(|kept| kept.size)
    }

    /// Answers the body of a request. Writes to the disk and waits for it, and for others that ask about the same log.
    ///
    /// # Errors
    /// When what is to be cosigned could not be made durable; it is not cosigned then.
    pub fn add_checkpoint(&self, body: &[u8]) -> Result<Answer, WitnessError> {
        let request = match Request::parse(body) {
            Ok(request) => request,
            Err(why) => return Ok(Answer::Malformed(why)),
        };
        let Ok(note) = Note::parse(request.checkpoint.as_bytes()) else {
            return Ok(Answer::Malformed(Malformed::Checkpoint));
        };
        let Ok(new) = Checkpoint::of_text(note.text) else {
            return Ok(Answer::Malformed(Malformed::Checkpoint));
        };
        let Some(key) = self.key_of(&new.origin) else { return Ok(Answer::Unknown) };
        if !matches!(note.signed_by(&key), Ok(Some(_))) {
            return Ok(Answer::Unsigned);
        }
        if request.old > new.size {
            return Ok(Answer::Backwards);
        }
        let seen = lock(&self.seen).entry(new.origin.clone()).or_default().clone();
        // Held to the end: between what is read of the state and what is written, nobody else may decide.
        let mut kept = lock(&seen);
        self.decide(&mut kept, &request, &new, note.text)
    }

    fn decide(
        &self,
        kept: &mut Option<Kept>,
        request: &Request,
        new: &Checkpoint,
        text: &str,
    ) -> Result<Answer, WitnessError> {
        let (size, root) = kept.as_ref().map_or((0, empty_root()), |kept| (kept.size, kept.root));
        let forked = new.size == size && new.root != root;
        if let Some(kept) = kept.as_ref().filter(|_| forked) {
            self.tell_fork(new, &kept.note, &request.checkpoint);
        }
        if request.old != size {
            return Ok(Answer::Elsewhere(size));
        }
        if forked {
            return Ok(Answer::Forked);
        }
        if !is_consistent((size, &root), (new.size, &new.root), &request.proof) {
            return Ok(Answer::Unproven);
        }
        if kept.is_none() || new.size > size {
            let folder = Folder { fs: &*self.fs, path: &self.dir };
            folder.write(&new.origin, &request.checkpoint)?;
            if kept.is_none() {
                tracing::info!(
                    log.origin = new.origin,
                    log.size = new.size,
                    "a log is cosigned from here on"
                );
            }
            let note = request.checkpoint.clone();
            *kept = Some(Kept { size: new.size, root: new.root, note });
        }
        let time = u64::try_from(self.clock.now().seconds()).unwrap_or(0);
        Ok(Answer::Cosigned(self.signer.line(text, time)))
    }

    /// Keeps the proof that a log has two histories. That it cannot be kept changes nothing about the answer.
    fn tell_fork(&self, new: &Checkpoint, kept: &str, other: &str) {
        let folder = Folder { fs: &*self.fs, path: &self.dir };
        let (origin, size) = (new.origin.as_str(), new.size);
        match folder.keep_fork(origin, kept, other) {
            Ok(file) => tracing::error!(
                log.origin = origin,
                log.size = size,
                evidence.file = %file.display(),
                "the log signed two checkpoints of one size"
            ),
            Err(error) => tracing::error!(
                log.origin = origin,
                log.size = size,
                error.message = %error,
                "the log signed two checkpoints of one size, and the evidence could not be kept"
            ),
        }
    }

    /// The key of the log called `origin`, if it is one of those that are followed.
    fn key_of(&self, origin: &str) -> Option<VerifierKey> {
        if let Some(log) = self.logs.iter().find(|log| log.name == origin) {
            return Some(log.clone());
        }
        let base = without_shard(origin)?;
        let log = self.logs.iter().find(|log| without_shard(&log.name) == Some(base))?;
        log.named(origin).ok()
    }
}

/// The name of a log whose last part is a half-year, or a later shard of one (`2026h2`, `2026h2.2`), without it.
fn without_shard(name: &str) -> Option<&str> {
    let (base, shard) = name.rsplit_once('/')?;
    let (half_year, number) = shard.split_once('.').unwrap_or((shard, "2"));
    let (year, half) = half_year.split_once('h')?;
    let is_year = year.len() == 4 && year.bytes().all(|digit| digit.is_ascii_digit());
    let is_number = plain(number).is_some_and(|number| (2..1000).contains(&number));
    (is_year && matches!(half, "1" | "2") && is_number).then_some(base)
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic in between left the state as it was: it is set only after the disk has it.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
