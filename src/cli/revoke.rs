//! `consentry token revoke`: stops tokens before they end by themselves.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{
    operator::{Gateway, OperatorArgs},
    print,
};
use crate::app::AppError;

const PATH: &str = "/v1/operate/tokens";

/// `consentry token revoke`.
#[derive(Debug, Args)]
#[group(id = "what", multiple = false, args = ["jti", "token", "kid"])]
pub(super) struct RevokeArgs {
    /// The token's `jti`.
    #[arg(long)]
    jti: Option<String>,
    /// With --jti: when the token ends by itself (RFC 3339); without it, it is refused for good.
    #[arg(long, requires = "jti")]
    until: Option<String>,
    /// A file with the token itself.
    #[arg(long = "token")]
    token: Option<PathBuf>,
    /// A key's id: its tokens from before --before are refused.
    #[arg(long)]
    kid: Option<String>,
    /// With --kid: the moment (RFC 3339); now if absent.
    #[arg(long, requires = "kid")]
    before: Option<String>,
    #[command(flatten)]
    operator: OperatorArgs,
}

pub(super) fn run(args: &RevokeArgs) -> Result<(), AppError> {
    let call = match (&args.jti, &args.token, &args.kid) {
        (Some(jti), ..) => json!({ "jti": jti, "until": args.until }),
        (_, Some(path), _) => {
            let token = std::fs::read_to_string(path)
                .map_err(|source| AppError::Read { path: path.clone(), source })?;
            json!({ "token": token.trim() })
        }
        (.., Some(kid)) => json!({ "kid": kid, "before": args.before }),
        (None, None, None) => return list(&args.operator),
    };
    let gateway = Gateway::reach(&args.operator)?;
    show(&gateway.call(http::Method::POST, PATH, Some(&call))?);
    Ok(())
}

fn list(operator: &OperatorArgs) -> Result<(), AppError> {
    let told = Gateway::reach(operator)?.call(http::Method::GET, PATH, None)?;
    for revoked in told.get("revoked").and_then(Value::as_array).into_iter().flatten() {
        show(revoked);
    }
    Ok(())
}

fn show(revoked: &Value) {
    let text = |member: &str| revoked.get(member).and_then(Value::as_str);
    let line = match (text("token"), text("kid")) {
        (Some(token), _) => {
            let until =
                text("until").map_or("for good".to_owned(), |until| format!("until {until}"));
            format!("the token {token} is refused {until}")
        }
        (None, Some(kid)) => {
            let before = text("before").unwrap_or_default();
            format!("tokens of the key {kid} from before {before} are refused")
        }
        (None, None) => return,
    };
    print::line(&line);
}
