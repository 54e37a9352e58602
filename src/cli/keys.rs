//! `consentry keys`: rotate.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    operator::{Gateway, OperatorArgs},
    print,
};
use crate::app::AppError;

/// Works with the keys.
#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Replaces the key-encryption key and destroys the old one: what was erased before is then gone for good, in older
    /// backups too, which do not open any more. Goes on where one was cut off; of a running gateway too.
    Rotate(RotateArgs),
}

#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    operator: OperatorArgs,
}

pub(super) fn run(command: &KeysCommand) -> Result<(), AppError> {
    match command {
        KeysCommand::Rotate(args) => rotate(args),
    }
}

fn rotate(args: &RotateArgs) -> Result<(), AppError> {
    let gateway = Gateway::reach(&args.operator)?;
    let waiting = print::waiting("rotating the key-encryption key");
    let (mut result, mut problem) = (None, None);
    gateway.lines("/v1/operate/keys/rotate", &json!({}), |line| {
        if let Some(progress) = line.get("progress") {
            let step = progress.get("step").and_then(Value::as_str).unwrap_or_default();
            let wrapped = progress.get("wrapped").and_then(Value::as_u64).unwrap_or(0);
            waiting.set_message(format!("{}, {wrapped} keys wrapped anew", step.replace('_', " ")));
        } else if let Some(told) = line.get("result") {
            result = Some(told.clone());
        } else {
            let said = ["title", "detail"].map(|at| line.get(at).and_then(Value::as_str));
            problem = Some(said.map(Option::unwrap_or_default).join(": "));
        }
    })?;
    waiting.finish_and_clear();
    let Some(result) = result else {
        let why = problem
            .unwrap_or_else(|| "the gateway went away; it goes on at its next start".to_owned());
        return Err(AppError::Refused(why));
    };
    print::line(&if args.json { result.to_string() } else { told(&result) });
    Ok(())
}

fn told(result: &Value) -> String {
    let number = |member: &str| result.get(member).and_then(Value::as_u64).unwrap_or(0);
    let text = |member: &str| result.get(member).and_then(Value::as_str);
    let gone = result.get("destroyed").and_then(Value::as_array).cloned().unwrap_or_default();
    let gone: Vec<String> = gone.iter().map(ToString::to_string).collect();
    let mut lines = vec![format!(
        "key-encryption key {} is in use, {} is destroyed; {} keys are wrapped anew",
        number("epoch"),
        gone.join(", "),
        number("keys")
    )];
    if number("lost") > 0 {
        lines.push(format!(
            "{} keys were lost before: their key-encryption key was gone",
            number("lost")
        ));
    }
    match text("backup") {
        Some(dir) => lines.push(format!("backed up under the new key: {dir}")),
        None => lines.push("take a backup now: `consentry store backup DIR`".to_owned()),
    }
    lines.extend(text("older_backups").map(str::to_owned));
    lines.join("\n")
}
