//! `consentry switch`: kill switches of apps and recipients.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{
    operator::{Gateway, OperatorArgs},
    print,
};
use crate::app::AppError;

const PATH: &str = "/v1/operate/switches";

#[derive(Debug, Subcommand)]
pub(super) enum SwitchCommand {
    /// Refuses an app's calls, or writes nothing more to a recipient, from the moment this returns.
    Off(Thrown),
    /// Serves an app, or speaks to a recipient, again.
    On(Thrown),
    /// Says how each switch stands.
    List(OperatorArgs),
}

#[derive(Debug, Args)]
pub(super) struct Thrown {
    /// What is switched.
    kind: Kind,
    /// Its name in the configuration.
    name: String,
    #[command(flatten)]
    operator: OperatorArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    App,
    Recipient,
}

pub(super) fn run(command: &SwitchCommand) -> Result<(), AppError> {
    match command {
        SwitchCommand::Off(thrown) => throw(thrown, "off"),
        SwitchCommand::On(thrown) => throw(thrown, "on"),
        SwitchCommand::List(operator) => {
            let told = Gateway::reach(operator)?.call(http::Method::GET, PATH, None)?;
            for switch in told.get("switches").and_then(Value::as_array).into_iter().flatten() {
                show(switch);
            }
            Ok(())
        }
    }
}

fn throw(thrown: &Thrown, state: &str) -> Result<(), AppError> {
    let kind = match thrown.kind {
        Kind::App => "app",
        Kind::Recipient => "recipient",
    };
    let call = json!({ "kind": kind, "name": thrown.name, "state": state });
    let gateway = Gateway::reach(&thrown.operator)?;
    show(&gateway.call(http::Method::POST, PATH, Some(&call))?);
    Ok(())
}

fn show(switch: &Value) {
    let text = |member: &str| switch.get(member).and_then(Value::as_str).unwrap_or_default();
    let since = match text("since") {
        "" => String::new(),
        since => format!(" since {since}"),
    };
    print::line(&format!("{} {} is {}{since}", text("kind"), text("name"), text("state")));
}
