//! What a running server does on SIGHUP: reads the keys of its configuration anew.

use std::path::Path;

use crate::app::{App, Settings};

/// Trusts the keys that `config` names now, and no others. Where they cannot be read, the old ones stay in force and the
/// log says why: a typing mistake must not lock everyone out.
pub(super) fn keys(app: &App, config: &Path) {
    let reloaded = Settings::read(config)
        .and_then(|settings| app.reload_keys(&settings, super::read))
        .map(|()| app.authority.kids().len());
    match reloaded {
        Ok(count) => tracing::info!(auth.keys = count, "the keys were read anew"),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(
                error.message = %error,
                error.cause = cause.unwrap_or_default(),
                "the keys were not read anew; those in force stay"
            );
        }
    }
}
