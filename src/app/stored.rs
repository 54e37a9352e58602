//! The store's folder as the configuration names it: its file key, its engine, its limits.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{AppError, EngineSetting, Machine, Settings};
use crate::{
    ambient::{create_secret, overlap, private_dir, read_secret},
    store::{Engine, FileKey, Limits, Options, Recovered, Store, VerifyRequest},
    vault::{FILE_KEY, Keeper},
};

/// Opens keeper and store. A new folder gets a new file key.
pub(super) fn open_store(
    settings: &Settings,
    machine: &Machine,
) -> Result<(Store, Arc<Keeper>, Recovered), AppError> {
    let (keeper, file_key) = open_keys(settings, machine)?;
    let (store, recovered) = Store::open(Options {
        dir: settings.store.dir.clone(),
        fs: machine.fs.clone(),
        engine: engine(settings),
        file_key,
        entropy: machine.entropy.clone(),
        clock: machine.clock.clone(),
        limits: limits(settings, machine),
        on_sync_failure: machine.on_sync_failure,
    })?;
    Ok((store, keeper, recovered))
}

/// Sizes and windows of the store, as the machine has them and the operator sets them.
fn limits(settings: &Settings, machine: &Machine) -> Limits {
    let mut limits = machine.limits.clone();
    limits.least_free = settings.store.reserve_bytes.or(limits.least_free);
    if let Some(mib) = settings.store.snapshot_mib {
        limits.snapshot_every = u64::from(mib.get()) << 20;
    }
    limits
}

fn engine(settings: &Settings) -> Engine {
    match settings.store.engine {
        EngineSetting::Sled => Engine::Sled,
        EngineSetting::Memory => Engine::Memory,
    }
}

fn open_keys(settings: &Settings, machine: &Machine) -> Result<(Arc<Keeper>, FileKey), AppError> {
    let dir = &settings.store.dir;
    // A copy of the one would hold the other, and a restore would put them both aside.
    if overlap(&settings.keys.dir, dir) {
        let rule = "[keys] dir: the key folder must lie outside the data folder, and not hold it";
        return Err(AppError::Settings(rule.to_owned()));
    }
    private_dir(dir).map_err(|source| AppError::Read { path: dir.clone(), source })?;
    let path = dir.join("file.key");
    let wrap =
        read_secret(&path).map_err(|source| AppError::Read { path: path.clone(), source })?;
    // Data without their file key would be lost to fresh keys: the keeper must then have the old ones.
    let keeper = Keeper::open(&settings.keys.dir, wrap.is_some(), &machine.entropy)?;
    let file_key = match wrap {
        Some(wrap) => {
            let damaged = |_| AppError::Settings(format!("{} is damaged", path.display()));
            keeper.unwrap(FILE_KEY, wrap.as_slice().try_into().map_err(damaged)?)?
        }
        None if dir.join("journal").exists() => {
            return Err(AppError::Settings(format!(
                "{} is missing, and what is in the folder is sealed under it: put it back, or restore a backup",
                path.display()
            )));
        }
        None => {
            let key = Zeroizing::new(machine.entropy.draw()?);
            let wrap = keeper.wrap(&machine.entropy, FILE_KEY, &key)?;
            create_secret(&path, &wrap)
                .map_err(|source| AppError::Read { path: path.clone(), source })?;
            key
        }
    };
    Ok((Arc::new(keeper), FileKey::new(file_key)))
}

/// What journal and snapshots of a folder that is there are sealed under.
///
/// # Errors
/// When there is no folder, or its key does not open.
pub(crate) fn file_key_of(settings: &Settings, machine: &Machine) -> Result<FileKey, AppError> {
    let path = settings.store.dir.join("file.key");
    if !path.exists() {
        let none = std::io::ErrorKind::NotFound.into();
        return Err(AppError::Read { path, source: none });
    }
    Ok(open_keys(settings, machine)?.1)
}

/// What is to be verified.
pub(crate) fn verify_request(
    settings: &Settings,
    machine: &Machine,
    file_key: FileKey,
) -> VerifyRequest {
    VerifyRequest {
        dir: settings.store.dir.clone(),
        fs: machine.fs.clone(),
        engine: engine(settings),
        file_key,
    }
}
