//! The key that a witness signs with, as a text that its owner keeps.
//!
//! ```text
//! PRIVATE+KEY+<name>+<id, 8 hex digits>+<base64(0x04 ‖ seed, 32 bytes)>
//! ```

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use zeroize::Zeroizing;

use crate::tlog::{NoteError, NoteSigner, Signs};

const HEAD: &str = "PRIVATE+KEY+";

/// The key of this seed under `name`, with the text that [`read_key`] reads.
///
/// # Errors
/// [`NoteError::Key`] when the name holds a space or a plus.
pub fn write_key(
    name: &str,
    seed: &[u8; 32],
) -> Result<(NoteSigner, Zeroizing<String>), NoteError> {
    let signer = NoteSigner::new(name, Signs::Timed, seed)?;
    let verifier = signer.verifier().to_string();
    let id = verifier.split('+').nth(1).unwrap_or_default();
    let bytes = Zeroizing::new([&[4], seed.as_slice()].concat());
    let text = format!("{HEAD}{name}+{id}+{}\n", Zeroizing::new(BASE64.encode(&*bytes)).as_str());
    Ok((signer, Zeroizing::new(text)))
}

/// Reads what [`write_key`] wrote.
///
/// # Errors
/// When it is no such key, or its id does not fit.
pub fn read_key(text: &str) -> Result<NoteSigner, NoteError> {
    let mut parts = text.trim_end().strip_prefix(HEAD).ok_or(NoteError::Key)?.splitn(3, '+');
    let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::Key);
    };
    let key = Zeroizing::new(BASE64.decode(key).map_err(|_| NoteError::Key)?);
    let Some((4, seed)) = key.split_first() else { return Err(NoteError::KeyKind) };
    let seed = seed.try_into().map_err(|_| NoteError::Key)?;
    let (signer, same) = write_key(name, seed)?;
    if same.trim_end() == text.trim_end() { Ok(signer) } else { Err(NoteError::KeyId) }
}
