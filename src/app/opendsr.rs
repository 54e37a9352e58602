//! Makes what speaks OpenDSR: with controllers, and with recipients.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio_rustls::{
    TlsConnector,
    rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use zeroize::Zeroizing;

use super::{
    App, AppError, OpenDsrSettings, Settings, UpstreamDsrSettings, UpstreamKind, UpstreamSettings,
};
use crate::{
    ambient::{connector, has_roots},
    auth::Source,
    domain::RecipientId,
    rights::{
        ByOpenDsr, Rest,
        opendsr::{Hosts, Processor, PublicKey, SigningKey},
    },
    upstream::Post,
};

/// How long a call to a controller or a recipient may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What speaks OpenDSR.
#[derive(Clone, Debug)]
pub struct OpenDsr {
    /// Who the gateway is to controllers, if it is anybody.
    pub processor: Option<Arc<Processor>>,
    /// What callbacks are sent by.
    pub(super) post: Post,
    /// The recipients that are asked to delete by it.
    pub(super) recipients: HashMap<RecipientId, Arc<ByOpenDsr>>,
}

impl OpenDsr {
    /// What `settings` name; `read` fetches the bytes of secrets.
    ///
    /// # Errors
    /// When a file cannot be read or used, or a host or URL is none.
    pub(super) fn open(
        settings: &Settings,
        mut read: impl FnMut(&Source) -> io::Result<Vec<u8>>,
    ) -> Result<Self, AppError> {
        let (processor, post) = match &settings.opendsr {
            Some(ours) => (Some(Arc::new(processor(ours)?)), post(ours.ca.as_deref())?),
            None => (None, Post::new(None, PATIENCE)),
        };
        let mut recipients = HashMap::new();
        for upstream in &settings.upstream {
            if let Some(theirs) = &upstream.opendsr {
                let by = recipient(upstream, theirs, &mut read)?;
                recipients.insert(upstream.recipient.clone(), Arc::new(by));
            }
        }
        Ok(Self { processor, post, recipients })
    }
}

fn processor(settings: &OpenDsrSettings) -> Result<Processor, AppError> {
    let wrong = |what: &str| AppError::Settings(format!("[opendsr] {what}"));
    let domain = settings.domain.clone();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
    if domain.is_empty() || !domain.bytes().all(plain) {
        return Err(wrong("domain: it must be a domain, such as gw.example"));
    }
    let (pem, certificate) = certificate(&settings.certificate)?;
    let key = Zeroizing::new(bytes(&settings.key)?);
    let unusable = |reason: &dyn std::fmt::Display| AppError::Certificate {
        path: settings.key.clone(),
        reason: reason.to_string(),
    };
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| unusable(&error))?;
    let key = SigningKey::new(key.secret_der(), &certificate).map_err(|error| unusable(&error))?;
    let public = PublicKey::new(certificate).map_err(|error| unusable(&error))?;
    if let Some(lack) = public.lacks(&domain) {
        tracing::warn!(
            opendsr.domain = %domain,
            reason = lack,
            "controllers may not accept what this certificate signs"
        );
    }
    let url = settings.url.clone().unwrap_or_else(|| format!("https://{domain}"));
    let hosts = Hosts::parse(&settings.callback_hosts)
        .map_err(|error| wrong(&format!("callback_hosts: {error}")))?;
    Ok(Processor {
        domain,
        url: url.trim_end_matches('/').to_owned(),
        identities: settings.identities.clone(),
        hosts,
        certificate: pem,
        key,
    })
}

fn recipient(
    upstream: &UpstreamSettings,
    settings: &UpstreamDsrSettings,
    mut read: impl FnMut(&Source) -> io::Result<Vec<u8>>,
) -> Result<ByOpenDsr, AppError> {
    let wrong = |what: &str| {
        AppError::Settings(format!("[[upstream]] {}: opendsr: {what}", upstream.recipient))
    };
    if upstream.kind == UpstreamKind::Builtin {
        return Err(wrong("a builtin model is not reached from outside"));
    }
    let uri: http::Uri = settings.url.parse().map_err(|_| wrong("its url is none"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.query().is_some() {
        return Err(wrong("its url must begin with http:// or https:// and end with a path"));
    }
    if !matches!(settings.regulation.as_str(), "gdpr" | "ccpa") {
        return Err(wrong("its regulation must be gdpr or ccpa"));
    }
    let certificate = match &settings.certificate {
        Some(path) => Some(PublicKey::new(certificate(path)?.1).map_err(|error| {
            AppError::Certificate { path: path.clone(), reason: error.to_string() }
        })?),
        None => None,
    };
    let mut headers = Vec::new();
    if let Some(header) = &settings.header {
        let doing = "reading a recipient's header";
        let value = read(&header.value).map_err(|source| AppError::Machine { doing, source })?;
        headers.push((header.name.clone(), String::from_utf8_lossy(&value).trim_end().to_owned()));
    }
    let by_tls = uri.scheme_str() == Some("https");
    Ok(ByOpenDsr {
        url: settings.url.trim_end_matches('/').to_owned(),
        identity_type: settings.identity_type.clone(),
        regulation: settings.regulation.clone(),
        headers,
        certificate,
        rest: Rest::default(),
        post: if by_tls { post(settings.ca.as_deref())? } else { Post::new(None, PATIENCE) },
    })
}

/// What sends, trusting `ca` or what the machine trusts. A machine that trusts nobody sends nothing by https.
fn post(ca: Option<&Path>) -> Result<Post, AppError> {
    let tls: Option<TlsConnector> = match ca {
        Some(_) => Some(connector(ca)?),
        None if has_roots() => Some(connector(None)?),
        None => None,
    };
    Ok(Post::new(tls, PATIENCE))
}

/// The file at `path`, and the first certificate in it.
fn certificate(path: &Path) -> Result<(Vec<u8>, CertificateDer<'static>), AppError> {
    let pem = bytes(path)?;
    let unusable = |error: tokio_rustls::rustls::pki_types::pem::Error| AppError::Certificate {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let certificate = CertificateDer::from_pem_slice(&pem).map_err(unusable)?;
    Ok((pem, certificate))
}

fn bytes(path: &Path) -> Result<Vec<u8>, AppError> {
    let path: PathBuf = path.to_owned();
    fs::read(&path).map_err(|source| AppError::Read { path, source })
}

/// Tells controllers how their orders stand, each second, apart from chores: who is told may be slow.
pub(super) async fn tell_controllers(app: App) {
    let Some(mut callbacks) = app.callbacks() else { return std::future::pending().await };
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match callbacks.run_due().await {
            Ok(calling) => app.observer.callbacks(&calling),
            Err(error) => {
                tracing::warn!(chore.name = "callbacks", error.message = %error, "a chore failed and is done again later");
            }
        }
    }
}
