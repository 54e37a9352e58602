//! `consentry token`: makes tokens, for operators without an identity provider and for tests, and revokes them.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use super::{print, revoke};
use crate::{
    ambient::{Clock, Entropy},
    app::{AppError, Settings},
    auth::{Algorithm, Grant, Key, Mint, Scopes, Vouches},
    domain::{AppId, Profile, SubjectRef, TenantId, UserId},
};

/// Whom a token is for, or which ones are revoked.
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Prints a token for an app of the configuration, with all scopes that it has there.
    App(TokenArgs),
    /// Prints a token for a person, for themselves.
    #[command(name = "self")]
    Myself(TokenArgs),
    /// Prints a token for an auditor.
    Auditor(TokenArgs),
    /// Prints a token for an operator.
    Operator(TokenArgs),
    /// Revokes one token, or those of a key that were issued before a moment; says what is revoked if none is named.
    Revoke(revoke::RevokeArgs),
}

/// `consentry token KIND NAME`.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// The app's name, the person's id, or the name of auditor or operator.
    name: String,
    /// The configuration file.
    #[arg(long)]
    config: PathBuf,
    /// The key to sign with, by its `kid`; the first of the configuration if absent.
    #[arg(long)]
    kid: Option<String>,
    /// The private key in PKCS#8 PEM, for a key whose public half alone is in the configuration.
    #[arg(long)]
    private_key: Option<PathBuf>,
    /// How many seconds the token is good.
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
    /// The tenant, for people and auditors.
    #[arg(long, default_value = "default")]
    tenant: TenantId,
    /// The profile of the account, for one of those who share it.
    #[arg(long)]
    profile: Option<String>,
    /// The id of the guardian who acts for the person.
    #[arg(long)]
    guardian: Option<String>,
}

pub(super) fn run(command: &TokenCommand) -> Result<(), AppError> {
    let args = match command {
        TokenCommand::Revoke(args) => return revoke::run(args),
        TokenCommand::App(args)
        | TokenCommand::Myself(args)
        | TokenCommand::Auditor(args)
        | TokenCommand::Operator(args) => args,
    };
    let settings = Settings::read(&args.config)?;
    let mint = mint(args, &settings)?;
    let wrong = |error: crate::domain::InvalidId| AppError::Settings(error.to_string());
    let (now, life, entropy) =
        (Clock::System.now(), Duration::from_secs(args.seconds), Entropy::system());
    let token = match command {
        TokenCommand::Revoke(_) => return Ok(()),
        TokenCommand::App(_) => {
            let id = AppId::parse(&args.name).map_err(wrong)?;
            let known = settings.app.iter().find(|app| app.id == id);
            let known =
                known.ok_or_else(|| AppError::Settings(format!("there is no [[app]] {id}")))?;
            let scopes = known.scopes.unwrap_or(Scopes::APP);
            mint.token(Grant::App { id: &id, scopes }, now, life, &entropy)?
        }
        TokenCommand::Myself(_) => {
            let named = |id: &str| {
                UserId::parse(id).map(|id| SubjectRef::new(crate::domain::IdType::user_id(), id))
            };
            let profile = args.profile.as_deref().map(Profile::parse).transpose();
            let profile = profile.map_err(wrong)?;
            let subject = SubjectRef { profile, ..named(&args.name).map_err(wrong)? };
            let guardian = args.guardian.as_deref().map(named).transpose().map_err(wrong)?;
            let grant = Grant::Myself {
                tenant: &args.tenant,
                subject: &subject,
                guardian: guardian.as_ref(),
            };
            mint.token(grant, now, life, &entropy)?
        }
        TokenCommand::Auditor(_) => {
            let grant = Grant::Auditor { name: &args.name, tenant: &args.tenant };
            mint.token(grant, now, life, &entropy)?
        }
        TokenCommand::Operator(_) => {
            mint.token(Grant::Operator { name: &args.name }, now, life, &entropy)?
        }
    };
    print::line(token.expose());
    Ok(())
}

fn mint(args: &TokenArgs, settings: &Settings) -> Result<Mint, AppError> {
    let keys = &settings.auth.key;
    let key = match &args.kid {
        Some(kid) => keys.iter().find(|key| key.kid == *kid),
        None => keys.first(),
    };
    let key = key.ok_or_else(|| AppError::Settings("there is no such [[auth.key]]".to_owned()))?;
    let vouches = Vouches {
        issuer: key.issuer.clone().unwrap_or_else(|| settings.auth.issuer.clone()),
        tenant: key.tenant.clone(),
        scopes: key.scopes.unwrap_or(Scopes::ALL),
    };
    let audience = &settings.auth.audience;
    let failed = |source| AppError::Machine { doing: "reading the key", source };
    let bytes = super::read(&key.from).map_err(failed)?;
    if key.algorithm == Algorithm::Hs256 {
        let mut secret = bytes;
        while secret.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            secret.pop();
        }
        return Ok(Mint::hs256(&key.kid, &secret, vouches, audience)?);
    }
    let pem = match (&args.private_key, &key.private) {
        (Some(path), _) => {
            std::fs::read(path).map_err(|source| AppError::Read { path: path.clone(), source })?
        }
        (None, Some(private)) => super::read(private)
            .map_err(|source| AppError::Machine { doing: "reading the private key", source })?,
        (None, None) => {
            let needs = format!("the key {} needs `private` there, or --private-key", key.kid);
            return Err(AppError::Settings(needs));
        }
    };
    let public = Key::new(&key.kid, key.algorithm, &bytes, vouches)?;
    Ok(Mint::pem(&public, &pem, audience)?)
}
