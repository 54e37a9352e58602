//! `consentry init`: a folder that `consentry serve` runs.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::Args;

use super::print;
use crate::{
    ambient::Entropy,
    app::{
        AppError,
        init::{CONFIG, Init, ModelAt},
    },
    domain::{AppId, PurposeId},
};

/// `consentry init DIR --model KIND=URL`.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The folder; made if it is not there. Nothing in it is overwritten.
    dir: PathBuf,
    /// The model: what it speaks and where it is, such as json=http://127.0.0.1:9000; or builtin.
    #[arg(long, value_name = "KIND=URL")]
    model: ModelAt,
    /// The app that calls the gateway.
    #[arg(long, default_value = "shop")]
    app: AppId,
    /// What the model is asked for; may be given several times.
    #[arg(long = "purpose", default_value = "recommend_products")]
    purposes: Vec<PurposeId>,
    /// Where apps reach the gateway.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

pub(super) fn run(args: &InitArgs) -> Result<(), AppError> {
    let init = Init {
        dir: args.dir.clone(),
        model: args.model.clone(),
        app: args.app.clone(),
        purposes: args.purposes.clone(),
        listen: args.listen,
    };
    init.write(&Entropy::system())?;
    print::line(&told(&args.dir, &args.app));
    Ok(())
}

fn told(dir: &Path, app: &AppId) -> String {
    let config = dir.join(CONFIG);
    let (dir, config) = (dir.display(), config.display());
    format!(
        "{dir} holds a gateway: consentry.toml, policies/, keys/ and secrets/ (neither of these two belongs into version control)

Next:
  consentry serve --config {config}
  consentry import items ITEMS.ndjson --config {config}
  consentry token app {app} --config {config}"
    )
}
