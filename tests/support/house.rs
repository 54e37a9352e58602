//! What is left when a gateway ends: gateways are opened on it one after another.

use std::path::PathBuf;

use consentry::ambient::FaultFs;

use super::{
    Stage,
    model::Model,
    wiring::{Set, fresh_folder},
};

/// A model, a disk that can fail, and a folder on it.
pub(crate) struct House {
    pub(crate) model: Model,
    pub(crate) disk: FaultFs,
    pub(crate) folder: PathBuf,
}

impl House {
    pub(crate) fn new() -> Self {
        Self { model: Model::start(), disk: FaultFs::new(), folder: fresh_folder() }
    }

    /// A gateway on what is there now, set up with `more`.
    pub(crate) async fn open_with(&self, more: impl FnOnce(&mut Set) + Send + 'static) -> Stage {
        let (url, disk, folder) = (self.model.url(), self.disk.clone(), self.folder.clone());
        let stage = Stage::set(move |set| {
            (set.model, set.disk, set.folder) = (Some(url), Some(disk), Some(folder));
            more(set);
        });
        stage.await
    }
}
