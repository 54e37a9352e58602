//! `consentry policy`: write, try, apply, go back.
//!
//! `check`, `table` and `diff` of folders need no gateway. What is in force is asked of the running gateway, or of the
//! state at rest.

mod tell;

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{
    operator::{Gateway, OperatorArgs},
    print,
};
use crate::{
    app::{AppError, policy_files},
    operate::Comparison,
    policy::{Bundle, Files, PolicyError},
};

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Checks a folder of policies: reads it, runs the cases beside the rules, and holds it against the promises.
    Check {
        /// The folder; the policies that come with the program if absent.
        dir: Option<PathBuf>,
    },
    /// Prints what every case comes to, and by which policies.
    Table {
        /// The folder; the policies that come with the program if absent.
        dir: Option<PathBuf>,
        /// `text` tells cases that come to the same together; `csv` and `json` have a line for each case.
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        /// Only this purpose.
        #[arg(long)]
        purpose: Option<String>,
    },
    /// Says in which cases two bundles differ.
    Diff {
        /// A folder, `shipped`, `current`, or the beginning of a version's hash.
        before: String,
        /// The same.
        after: String,
        /// The configuration file, where a version is named.
        #[command(flatten)]
        operator: OptionalOperator,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Puts policies in force, on a running gateway without a lost call, or in the state of one at rest.
    Apply(ApplyArgs),
    /// Lists the versions that were in force.
    Versions {
        #[command(flatten)]
        operator: OperatorArgs,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Writes the files of a version into a new folder, to start from.
    Export {
        /// `current`, or the beginning of a version's hash.
        version: String,
        /// The folder; it must not be there yet.
        dir: PathBuf,
        #[command(flatten)]
        operator: OperatorArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    /// The folder of the policies.
    #[arg(required_unless_present = "version", conflicts_with = "version")]
    dir: Option<PathBuf>,
    /// A version that was in force before, by the beginning of its hash.
    #[arg(long)]
    version: Option<String>,
    /// A file that says what becomes of consents that name what is gone; in place of a [migration] in purposes.toml.
    #[arg(long, conflicts_with = "version")]
    migrate: Option<PathBuf>,
    /// Say what it would come to, and change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    operator: OperatorArgs,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The gateway, for commands that may do without one.
#[derive(Clone, Debug, Args)]
pub(super) struct OptionalOperator {
    /// The configuration file, where a version in the store is meant.
    #[arg(long)]
    config: Option<PathBuf>,
    /// A file with a token of the scope `operate`, for a door that is an address.
    #[arg(long)]
    token_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    Text,
    Csv,
    Json,
}

/// Runs the command. `false` where it found fault and has said so.
pub(super) fn run(command: &PolicyCommand) -> Result<bool, AppError> {
    match command {
        PolicyCommand::Check { dir } => Ok(check(&read(dir.as_deref())?)),
        PolicyCommand::Table { dir, format, purpose } => {
            let bundle = Bundle::parse(read(dir.as_deref())?)?;
            tell::table(&bundle, *format, purpose.as_deref());
            Ok(true)
        }
        PolicyCommand::Diff { before, after, operator, json } => {
            diff(before, after, operator, *json).map(|()| true)
        }
        PolicyCommand::Apply(args) => apply(args),
        PolicyCommand::Versions { operator, json } => versions(operator, *json).map(|()| true),
        PolicyCommand::Export { version, dir, operator } => {
            export(version, dir, operator).map(|()| true)
        }
    }
}

fn read(dir: Option<&Path>) -> Result<Files, AppError> {
    dir.map_or_else(|| Ok(Bundle::shipped_files()), policy_files)
}

/// Checks a bundle and says what it finds. Whether it may be put in force.
fn check(files: &Files) -> bool {
    let flawed = |error: &PolicyError| {
        error.flaws().iter().for_each(|flaw| print::line(&flaw.to_string()));
        print::line(&format!("{} flaws", error.flaws().len()));
        false
    };
    let bundle = match Bundle::parse(files.clone()) {
        Ok(bundle) => bundle,
        Err(error) => return flawed(&error),
    };
    let report = match bundle.check() {
        Ok(report) => report,
        Err(error) => return flawed(&error),
    };
    for failed in &report.failed {
        print::line(&format!(
            "{}:{}: {}: expected {}, got {}",
            failed.file, failed.line, failed.name, failed.expected, failed.got
        ));
    }
    for breach in &report.breaches {
        let (cases, promise) = (breach.cases, breach.promise);
        let example = json!({"case": &breach.example, "comes to": &breach.level});
        print::line(&format!(
            "a promise is broken in {cases} cases: {promise}; the first is {example}"
        ));
    }
    for untried in &report.untried {
        print::line(&format!("{untried}: no case tries this policy"));
    }
    print::line(&format!("{} cases passed, {} failed", report.passed, report.failed.len()));
    report.holds()
}

fn diff(
    before: &str,
    after: &str,
    operator: &OptionalOperator,
    json: bool,
) -> Result<(), AppError> {
    let mut gateway = None;
    let before = Bundle::parse(bundle_named(before, operator, &mut gateway)?)?;
    let after = Bundle::parse(bundle_named(after, operator, &mut gateway)?)?;
    let comparison = Comparison::of(&before, &after);
    if json {
        print::line(&format!("{:#}", json!(comparison)));
        return Ok(());
    }
    comparison.changes.iter().for_each(tell::change);
    for purpose in &comparison.asked_anew {
        print::line(&format!("{purpose}: whoever agreed to it before must be asked again"));
    }
    print::line(&format!("{} of {} cases change", comparison.changed, comparison.cases));
    Ok(())
}

/// The files that a word on the command line means.
fn bundle_named(
    name: &str,
    operator: &OptionalOperator,
    gateway: &mut Option<Gateway>,
) -> Result<Files, AppError> {
    if Path::new(name).is_dir() {
        return policy_files(Path::new(name));
    }
    if name == "shipped" {
        return Ok(Bundle::shipped_files());
    }
    if gateway.is_none() {
        let OptionalOperator { config, token_file } = operator.clone();
        let config = config.ok_or_else(|| {
            AppError::Settings(format!("{name} is no folder; a version is asked of --config"))
        })?;
        *gateway = Some(Gateway::reach(&OperatorArgs { config, token_file })?);
    }
    let Some(gateway) = gateway else { return Ok(Files::new()) };
    kept(gateway, name)
}

/// The files of a version in the store.
fn kept(gateway: &Gateway, version: &str) -> Result<Files, AppError> {
    let plain = version.bytes().all(|b| b.is_ascii_alphanumeric() || b == b':');
    if !plain {
        return Err(AppError::Settings(format!("{version} is neither a folder nor a version")));
    }
    let path = format!("/v1/operate/policies/{version}");
    let mut answer = gateway.call(http::Method::GET, &path, None)?;
    let files = answer.get_mut("files").map(Value::take).unwrap_or_default();
    serde_json::from_value(files).map_err(|error| AppError::Refused(error.to_string()))
}

fn apply(args: &ApplyArgs) -> Result<bool, AppError> {
    let body = match &args.version {
        Some(version) => json!({"version": version, "dry_run": args.dry_run}),
        None => {
            let files = proposed(args)?;
            // Said here in full, and the gateway is not troubled with it.
            if !is_sound(&files) {
                check(&files);
                return Ok(false);
            }
            json!({"files": files, "dry_run": args.dry_run})
        }
    };
    let gateway = Gateway::reach(&args.operator)?;
    let waiting = print::waiting("checking, and looking at people's consents");
    let report = gateway.call(http::Method::POST, "/v1/operate/policies", Some(&body));
    waiting.finish_and_clear();
    let report = report?;
    if args.json {
        print::line(&format!("{report:#}"));
    } else {
        tell::report(&report, args.dry_run);
    }
    Ok(true)
}

/// The files of the folder, with the migration that stands beside it.
fn proposed(args: &ApplyArgs) -> Result<Files, AppError> {
    let mut files = read(args.dir.as_deref())?;
    if let Some(path) = &args.migrate {
        let text = fs::read_to_string(path)
            .map_err(|source| AppError::Read { path: path.clone(), source })?;
        files.insert("migration.toml".to_owned(), text);
    }
    Ok(files)
}

fn is_sound(files: &Files) -> bool {
    let bundle = Bundle::parse(files.clone());
    bundle.and_then(|bundle| bundle.check()).is_ok_and(|report| report.holds())
}

fn versions(operator: &OperatorArgs, json: bool) -> Result<(), AppError> {
    let gateway = Gateway::reach(operator)?;
    let answer = gateway.call(http::Method::GET, "/v1/operate/policies", None)?;
    if json {
        print::line(&format!("{answer:#}"));
        return Ok(());
    }
    let versions = answer.pointer("/versions").and_then(Value::as_array);
    for version in versions.into_iter().flatten() {
        let [number, at, how, name] = ["number", "at", "how", "version"].map(|member| {
            let value = version.get(member).unwrap_or(&Value::Null);
            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
        });
        print::line(&format!("{number:>4}  {at}  {how:<5}  {name}"));
    }
    let in_force = answer.get("in_force").and_then(Value::as_str).unwrap_or_default();
    print::line(&format!("in force: {in_force}"));
    if answer.get("unfinished") == Some(&json!(true)) {
        print::line("consents are yet to be changed to it; the gateway goes on with it by itself");
    }
    Ok(())
}

fn export(version: &str, dir: &Path, operator: &OperatorArgs) -> Result<(), AppError> {
    let files = kept(&Gateway::reach(operator)?, version)?;
    let failed = |source| AppError::Read { path: dir.to_owned(), source };
    fs::create_dir(dir).map_err(failed)?;
    for (name, text) in &files {
        fs::write(dir.join(name), text).map_err(failed)?;
    }
    print::line(&format!("{} files are in {}", files.len(), dir.display()));
    Ok(())
}
