//! Where a call carries its token.

use super::AuthError;

/// The token in an `Authorization` header, by RFC 6750 §2.1.
///
/// # Errors
/// When there is no header, another scheme, or a token with characters that no token has.
pub fn bearer(header: Option<&[u8]>) -> Result<&str, AuthError> {
    let header = header.ok_or(AuthError::MissingToken)?;
    let Some((scheme, token)) = header.split_at_checked(7) else {
        return Err(AuthError::MissingToken);
    };
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return Err(AuthError::MissingToken);
    }
    let token = std::str::from_utf8(token).map_err(|_| AuthError::Malformed { part: "form" })?;
    Ok(token.trim_matches(' '))
}
