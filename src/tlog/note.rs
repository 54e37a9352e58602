//! Signed notes (C2SP signed-note 1.0.0) and the keys that sign them.
//!
//! ```text
//! text, which ends with a line feed
//! (an empty line)
//! — <name> <base64(key id, 4 bytes ‖ signature)>      one line a signature
//! ```

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ring::{
    digest::{SHA256, digest},
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};

use crate::domain::hex;

/// The start of a signature's line.
const DASH: &str = "— ";

/// Most bytes of a note; a checkpoint has some hundreds.
pub(super) const LONGEST: usize = 1 << 20;

/// What is wrong with a note or a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The key is not of the form `name+id+key`.
    #[error("a verifier key must be of the form name+8 hex digits+base64")]
    Key,
    /// The key's id is not the one its name and bytes give.
    #[error("the verifier key's id does not fit its name and bytes")]
    KeyId,
    /// A kind of signature that is not known here.
    #[error("the verifier key is neither Ed25519 nor a cosignature key")]
    KeyKind,
    /// Not a note.
    #[error("this is no signed note: {0}")]
    Form(&'static str),
    /// A row that is not the one a proof is about, or not of the checkpoint in it.
    #[error("the proof is not of this row: it does not lead from it to the root of its checkpoint")]
    OtherRow,
    /// A known key's signature does not verify.
    #[error("the signature of {0} does not verify")]
    Signature(String),
    /// None of the known keys signed.
    #[error("{0} did not sign")]
    Unsigned(String),
}

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signs {
    /// The text itself (0x01): a log.
    Text,
    /// The text with a time (0x04, cosignature/v1): a witness.
    Timed,
}

impl Signs {
    fn byte(self) -> u8 {
        match self {
            Self::Text => 1,
            Self::Timed => 4,
        }
    }
}

/// A public key with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    /// Whose it is; for a log, its origin.
    pub name: String,
    /// How it signs.
    pub signs: Signs,
    id: [u8; 4],
    public: [u8; 32],
}

/// Whether a text can name a key: something, without a space or a plus.
#[must_use]
pub fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

impl VerifierKey {
    /// The key `public` under `name`.
    ///
    /// # Errors
    /// When the name holds a space or a plus.
    pub fn new(name: &str, signs: Signs, public: [u8; 32]) -> Result<Self, NoteError> {
        if !is_key_name(name) {
            return Err(NoteError::Key);
        }
        let id = key_id(name, signs, &public);
        Ok(Self { name: name.to_owned(), signs, id, public })
    }

    /// The same key under another name, as that of another log.
    ///
    /// # Errors
    /// When the name holds a space or a plus.
    pub fn named(&self, name: &str) -> Result<Self, NoteError> {
        Self::new(name, self.signs, self.public)
    }

    /// Reads `name+id+key`.
    ///
    /// # Errors
    /// When it has another form, an id that does not fit, or is of a kind not known here.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key);
        };
        let bytes = BASE64.decode(key).map_err(|_| NoteError::Key)?;
        let (kind, public) = bytes.split_first().ok_or(NoteError::Key)?;
        let signs = match kind {
            1 => Signs::Text,
            4 => Signs::Timed,
            _ => return Err(NoteError::KeyKind),
        };
        let public = public.try_into().map_err(|_| NoteError::Key)?;
        let parsed = Self::new(name, signs, public)?;
        if hex(&parsed.id) == id { Ok(parsed) } else { Err(NoteError::KeyId) }
    }

    /// The text of this signature over `text`, if it is one; with the time of a cosignature, in Unix seconds.
    fn verify(&self, text: &str, signature: &[u8]) -> Option<u64> {
        let key = UnparsedPublicKey::new(&ED25519, self.public);
        match self.signs {
            Signs::Text => key.verify(text.as_bytes(), signature).ok().map(|()| 0),
            Signs::Timed => {
                let (time, signature) = signature.split_first_chunk::<8>()?;
                let time = u64::from_be_bytes(*time);
                key.verify(timed(text, time).as_bytes(), signature).ok().map(|()| time)
            }
        }
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut bytes = vec![self.signs.byte()];
        bytes.extend_from_slice(&self.public);
        write!(f, "{}+{}+{}", self.name, hex(&self.id), BASE64.encode(bytes))
    }
}

fn key_id(name: &str, signs: Signs, public: &[u8; 32]) -> [u8; 4] {
    let mut bytes = name.as_bytes().to_vec();
    bytes.extend_from_slice(&[b'\n', signs.byte()]);
    bytes.extend_from_slice(public);
    let hash = digest(&SHA256, &bytes);
    hash.as_ref().first_chunk().copied().unwrap_or_default()
}

/// What a witness signs.
fn timed(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// A key that signs notes.
#[derive(Debug)]
pub struct NoteSigner {
    pair: Ed25519KeyPair,
    key: VerifierKey,
}

impl NoteSigner {
    /// The key with this seed, under `name`.
    ///
    /// # Errors
    /// When the name holds a space or a plus, or the seed has not 32 bytes.
    pub fn new(name: &str, signs: Signs, seed: &[u8]) -> Result<Self, NoteError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| NoteError::Key)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| NoteError::Key)?;
        Ok(Self { key: VerifierKey::new(name, signs, public)?, pair })
    }

    /// What verifies its signatures.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.key
    }

    /// The line of its signature under `text`; `time` in Unix seconds counts for a witness.
    #[must_use]
    pub fn line(&self, text: &str, time: u64) -> String {
        let mut bytes = self.key.id.to_vec();
        match self.key.signs {
            Signs::Text => bytes.extend_from_slice(self.pair.sign(text.as_bytes()).as_ref()),
            Signs::Timed => {
                bytes.extend_from_slice(&time.to_be_bytes());
                bytes.extend_from_slice(self.pair.sign(timed(text, time).as_bytes()).as_ref());
            }
        }
        format!("{DASH}{} {}\n", self.key.name, BASE64.encode(bytes))
    }
}

/// A note, split into its text and its signatures.
#[derive(Clone, Debug)]
pub struct Note<'a> {
    /// The text, with its last line feed.
    pub text: &'a str,
    signatures: Vec<Signature<'a>>,
}

#[derive(Clone, Debug)]
struct Signature<'a> {
    name: &'a str,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl<'a> Note<'a> {
    /// Reads a note; no signature is verified yet.
    ///
    /// # Errors
    /// When it has not the form of one.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NoteError> {
        if bytes.len() > LONGEST {
            return Err(NoteError::Form("it is too long"));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Form("it is not UTF-8"))?;
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return Err(NoteError::Form("it holds a control character"));
        }
        // The last empty line parts text and signatures; there may be others in the text.
        let at = note.rfind("\n\n").ok_or(NoteError::Form("no empty line before signatures"))?;
        let (text, rest) = note.split_at_checked(at + 1).unwrap_or_default();
        let lines = rest.strip_prefix('\n').and_then(|rest| rest.strip_suffix('\n'));
        let lines = lines.ok_or(NoteError::Form("no signature, or no line feed after the last"))?;
        let signatures: Option<Vec<_>> = lines.split('\n').map(signature).collect();
        let signatures = signatures.ok_or(NoteError::Form("a line is no signature"))?;
        Ok(Self { text, signatures })
    }

    /// The time at which `key` signed, in Unix seconds (0 for a key that signs no time); nothing if it did not.
    ///
    /// # Errors
    /// [`NoteError::Signature`] when a line claims this key and does not verify: the whole note is then bad.
    pub fn signed_by(&self, key: &VerifierKey) -> Result<Option<u64>, NoteError> {
        let theirs = |line: &&Signature<'_>| line.name == key.name && line.id == key.id;
        let mut when = None;
        for line in self.signatures.iter().filter(theirs) {
            let time = key.verify(self.text, &line.bytes);
            when = Some(time.ok_or_else(|| NoteError::Signature(key.name.clone()))?);
        }
        Ok(when)
    }
}

fn signature(line: &str) -> Option<Signature<'_>> {
    let (name, encoded) = line.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = BASE64.decode(encoded).ok()?;
    let (id, bytes) = bytes.split_first_chunk::<4>()?;
    (is_key_name(name) && !bytes.is_empty()).then(|| Signature {
        name,
        id: *id,
        bytes: bytes.to_vec(),
    })
}
