//! Where a witness is reached.

use http::{Uri, uri::Scheme};

use crate::{
    ambient::connector,
    app::{AppError, WitnessSettings},
    upstream::Post,
};

/// What carries requests to the witness of `settings`, and the URL that they go to.
///
/// # Errors
/// When its URL is none, or no certificates can be read for an `https` one.
pub(super) fn reach(settings: &WitnessSettings) -> Result<(Post, String), AppError> {
    let wrong = |why: &str| {
        let url = &settings.url;
        AppError::Settings(format!("[[audit.witness]] url = \"{url}\": {why}"))
    };
    let uri: Uri = settings.url.parse().map_err(|_| wrong("it is no URL"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
        return Err(wrong("it must be absolute, such as https://witness.example"));
    };
    if authority.as_str().contains('@') || uri.query().is_some() || settings.url.contains('#') {
        return Err(wrong("it must hold no more than host, port and path"));
    }
    let tls = match scheme {
        scheme if *scheme == Scheme::HTTP => None,
        scheme if *scheme == Scheme::HTTPS => Some(connector(settings.ca.as_deref())?),
        _ => return Err(wrong("it must begin with http:// or https://")),
    };
    let url = format!("{}/add-checkpoint", settings.url.trim_end_matches('/'));
    Ok((Post::new(tls, settings.timeout()), url))
}
