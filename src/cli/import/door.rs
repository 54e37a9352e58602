//! Where an import goes: to the gateway that runs, or into the store of one that does not.

use tokio::runtime::{Builder, Runtime};

use crate::{
    app::{App, AppError, Machine, Settings},
    operate::imports::{Chunk, ImportId, Imports, Kind, Progress, Taken},
};

/// The way in.
pub(super) struct Door {
    runtime: Runtime,
    imports: Imports,
    app: App,
}

impl Door {
    pub(super) fn open(settings: Settings) -> Result<Self, AppError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| AppError::Machine { doing: "starting a runtime", source })?;
        let app = App::open(settings, Machine::real(), super::super::read)?;
        let imports = app.imports();
        Ok(Self { runtime, imports, app })
    }

    pub(super) fn progress(
        &mut self,
        _kind: Kind,
        id: ImportId,
    ) -> Result<Option<Progress>, AppError> {
        Ok(self.imports.progress(id)?)
    }

    pub(super) fn take(&mut self, chunk: Chunk) -> Result<Taken, AppError> {
        Ok(self.runtime.block_on(self.imports.take(chunk))?)
    }

    /// Leaves everything on the disk.
    pub(super) fn close(self) -> Result<(), AppError> {
        self.app.store.close();
        Ok(())
    }
}
