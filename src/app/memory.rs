//! Gives the models inside this process their memory back at start.
//!
//! What such a model was told is kept as sealed records of the people it is about, under the purpose it was told for:
//! so it survives a crash, and goes with a withdrawal or an erasure like everything else that is held.

use super::{App, AppError};

/// Plays what is kept to the models that keep nothing themselves, and trains them.
pub(super) fn refill(app: &App) -> Result<(), AppError> {
    if app.builtins.is_empty() {
        return Ok(());
    }
    let doing = |source| AppError::Machine { doing: "starting a runtime", source };
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(doing)?;
    runtime.block_on(app.gateway.retell())?;
    for builtin in &app.builtins {
        builtin.train();
    }
    Ok(())
}
