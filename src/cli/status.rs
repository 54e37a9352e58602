//! `consentry status`: how the gateway stands.

use super::{
    operator::{Gateway, OperatorArgs},
    print,
};
use crate::app::AppError;

pub(super) fn run(args: &OperatorArgs) -> Result<(), AppError> {
    let gateway = Gateway::reach(args)?;
    let mut status = gateway.call(http::Method::GET, "/v1/operate/status", None)?;
    if let Some(status) = status.as_object_mut() {
        status.insert("running".to_owned(), gateway.is_running().into());
    }
    print::line(&format!("{status:#}"));
    Ok(())
}
