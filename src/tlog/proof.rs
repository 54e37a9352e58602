//! A proof that a row stands in a log, as one file that needs no log (C2SP tlog-proof).
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! index <index>
//! <base64(hash)>        from the leaf to the root, one a line
//!
//! <signed checkpoint>
//! ```

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{
    checkpoint::Checkpoint,
    merkle::{Hash, leaf_hash, root_from_inclusion},
    note::{NoteError, VerifierKey},
};

const HEAD: &str = "c2sp.org/tlog-proof@v1\n";

/// The longest way from a leaf to the root.
const MOST_HASHES: usize = 63;

/// A proof that a row stands in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The row.
    pub index: u64,
    /// The hashes beside the way from the leaf to the root.
    pub path: Vec<Hash>,
    /// The checkpoint whose root it leads to, as signed.
    pub checkpoint: String,
}

impl Proof {
    /// Reads a proof.
    ///
    /// # Errors
    /// When it has another form.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let wrong = NoteError::Form;
        let rest = text.strip_prefix(HEAD).ok_or(wrong("it does not begin as a proof does"))?;
        let (head, checkpoint) = rest.split_once("\n\n").ok_or(wrong("it has no checkpoint"))?;
        let mut lines = head.split('\n').skip_while(|line| line.starts_with("extra ")).peekable();
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index =
            index.and_then(|index| index.parse().ok().filter(|n: &u64| n.to_string() == index));
        let hash = |line| BASE64.decode(line).ok().and_then(|hash| hash.try_into().ok());
        let path: Option<Vec<Hash>> = lines.take(MOST_HASHES + 1).map(hash).collect();
        let path = path.filter(|path| path.len() <= MOST_HASHES);
        Ok(Self {
            index: index.ok_or(wrong("it names no index"))?,
            path: path.ok_or(wrong("a line is no hash"))?,
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// Whether `entry` stands where the proof says; the checkpoint that shows it.
    ///
    /// # Errors
    /// When `key` did not sign the checkpoint, or the proof does not lead from `entry` to its root.
    pub fn verify(&self, entry: &[u8], key: &VerifierKey) -> Result<Checkpoint, NoteError> {
        let checkpoint = Checkpoint::open(self.checkpoint.as_bytes(), key)?;
        let leaf = leaf_hash(entry);
        let root = root_from_inclusion(&leaf, self.index, checkpoint.size, &self.path);
        if root == Some(checkpoint.root) { Ok(checkpoint) } else { Err(NoteError::OtherRow) }
    }
}

impl std::fmt::Display for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{HEAD}index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", BASE64.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
