//! Checkpoints (C2SP tlog-checkpoint 1.0.0): what a log says of itself at one moment, as a signed note.
//!
//! ```text
//! <origin>
//! <size>
//! <base64(root)>
//! ```

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{
    merkle::Hash,
    note::{Note, NoteError, NoteSigner, VerifierKey},
};

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many rows it had.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Reads a checkpoint that `key` signed; the key's name is the log's origin.
    ///
    /// # Errors
    /// When it is no checkpoint, is of another log, or is not signed by `key`.
    pub fn open(bytes: &[u8], key: &VerifierKey) -> Result<Self, NoteError> {
        let note = Note::parse(bytes)?;
        if note.signed_by(key)?.is_none() {
            return Err(NoteError::Unsigned(key.name.clone()));
        }
        let checkpoint = Self::of_text(note.text)?;
        if checkpoint.origin == key.name {
            Ok(checkpoint)
        } else {
            Err(NoteError::Form("its origin is not the name of the key"))
        }
    }

    /// Reads the text of a note.
    ///
    /// # Errors
    /// When it is none of a checkpoint.
    pub fn of_text(text: &str) -> Result<Self, NoteError> {
        let wrong = NoteError::Form;
        let mut lines = text.split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty());
        let origin = origin.ok_or(wrong("it has no origin"))?.to_owned();
        let size = lines.next().ok_or(wrong("it has no size"))?;
        let number: u64 = size.parse().map_err(|_| wrong("its size is no number"))?;
        if number.to_string() != size {
            return Err(wrong("its size is not written plainly"));
        }
        let root = lines.next().and_then(|root| BASE64.decode(root).ok());
        let root = root.and_then(|root| root.try_into().ok());
        Ok(Self { origin, size: number, root: root.ok_or(wrong("its root is no hash"))? })
    }

    /// Reads a checkpoint's text that nobody signed.
    #[must_use]
    pub fn plain(text: &[u8]) -> Option<Self> {
        Self::of_text(std::str::from_utf8(text).ok()?).ok()
    }

    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(self.root))
    }

    /// The signed note.
    #[must_use]
    pub fn sign(&self, signer: &NoteSigner) -> String {
        let text = self.text();
        format!("{text}\n{}", signer.line(&text, 0))
    }
}
