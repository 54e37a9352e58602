//! The policy that a gateway starts with, and the folder that an operator writes policies in.

use std::{fs, path::Path};

use super::{AppError, Settings};
use crate::{
    ambient::Clock,
    audit::Audit,
    domain::PurposeId,
    operate::{self, AtStart},
    policy::{Bundle, Files},
    store::Store,
};

/// The bundle in force: the store's. The configured folder, or the bundle that comes with the program, is where the
/// first one comes from; later it is only compared with, so that editing a file or starting another program switches
/// nothing.
pub(super) fn in_force(
    settings: &Settings,
    store: &Store,
    audit: &Audit,
    clock: &Clock,
) -> Result<Bundle, AppError> {
    let folder = match &settings.policy.dir {
        Some(dir) => policy_files(dir),
        None => Ok(Bundle::shipped_files()),
    };
    let (folder, unread) = match folder {
        Ok(files) => (Some(files), None),
        Err(error) => (None, Some(error)),
    };
    let found = operate::at_start(store, audit, clock, folder)?;
    let Some(AtStart { bundle, folder_differs }) = found else {
        return Err(unread.unwrap_or_else(|| AppError::Settings("there is no policy".to_owned())));
    };
    if let Some(error) = unread {
        tracing::warn!(
            policy.version = bundle.version(), error.message = %error,
            "the policy folder cannot be read; the version in the store is in force"
        );
    }
    if let Some(found) = folder_differs {
        let from = settings.policy.dir.as_ref();
        tracing::warn!(
            policy.version = bundle.version(),
            policy.folder_version = found,
            policy.folder = %from.map_or_else(|| "shipped".into(), |dir| dir.display().to_string()),
            "the policies of the folder are not those in force; `consentry policy diff current DIR` says how they \
             differ, `consentry policy apply DIR` puts them in force"
        );
    }
    Ok(bundle)
}

/// The purposes that the configuration names, and where.
pub(super) fn purposes_named(settings: &Settings) -> Vec<(String, PurposeId)> {
    let mut named = Vec::new();
    for app in &settings.app {
        let place = format!("[[app]] {}", app.id);
        named.extend(app.purposes.iter().map(|purpose| (place.clone(), purpose.clone())));
    }
    for upstream in &settings.upstream {
        let place = format!("[[upstream]] {}", upstream.recipient);
        named.extend(upstream.purposes.iter().map(|purpose| (place.clone(), purpose.clone())));
    }
    let popularity = settings.events.popularity_purpose.iter();
    named.extend(popularity.map(|purpose| ("[events]".to_owned(), purpose.clone())));
    named
}

/// The files of a policy folder, by name.
///
/// # Errors
/// When the folder or a file in it cannot be read.
pub fn policy_files(dir: &Path) -> Result<Files, AppError> {
    let read = |source| AppError::Read { path: dir.to_owned(), source };
    let mut files = Files::new();
    for entry in fs::read_dir(dir).map_err(read)? {
        let path = entry.map_err(read)?.path();
        let known = path.extension().is_some_and(|kind| {
            ["toml", "cedar", "cedarschema"].iter().any(|known| kind.eq_ignore_ascii_case(known))
        });
        if let Some(name) = path.file_name().filter(|_| known) {
            let text = fs::read_to_string(&path)
                .map_err(|source| AppError::Read { path: path.clone(), source })?;
            files.insert(name.to_string_lossy().into_owned(), text);
        }
    }
    Ok(files)
}
