//! `[opendsr]` and `[upstream.opendsr]`: what is spoken with controllers and with recipients by OpenDSR 2.0.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::HeaderSetting;
use crate::domain::IdType;

/// `[opendsr]`: controllers reach the gateway as a processor.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenDsrSettings {
    /// The domain that answers are signed for, as it stands in `X-OpenDSR-Processor-Domain`.
    pub domain: String,
    /// What stands before `/opendsr/v2` and `/v1` in URLs that are told; `https://` and the domain if absent.
    pub url: Option<String>,
    /// The private key that signs, as PKCS#8 PEM: ECDSA P-256, or RSA from 2048 bits on.
    pub key: PathBuf,
    /// The X.509 certificate of that key, as PEM.
    pub certificate: PathBuf,
    /// Which id type of ours each identity type stands for.
    #[serde(default = "identities")]
    pub identities: BTreeMap<String, IdType>,
    /// The hosts, with a port where it is not the usual one, that callbacks may go to; to none if absent.
    #[serde(default)]
    pub callback_hosts: Vec<String>,
    /// Certificates that may vouch for those hosts, as PEM; those that the machine trusts if absent.
    pub ca: Option<PathBuf>,
}

/// `[upstream.opendsr]`: a recipient is asked to delete as a processor.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamDsrSettings {
    /// What stands before `/requests`, with the major version of the protocol.
    pub url: String,
    /// What the recipient calls our pseudonyms.
    #[serde(default = "identity_type")]
    pub identity_type: String,
    /// The regulation that requests name: `gdpr` or `ccpa`.
    #[serde(default = "regulation")]
    pub regulation: String,
    /// Its certificate, as PEM: then what it answers counts only if it is signed with that key.
    pub certificate: Option<PathBuf>,
    /// A header that goes with every call, such as a token.
    pub header: Option<HeaderSetting>,
    /// Certificates that may vouch for its `https`, as PEM; those that the machine trusts if absent.
    pub ca: Option<PathBuf>,
}

impl OpenDsrSettings {
    pub(super) fn in_folder(&mut self, folder: &Path) {
        for path in [&mut self.key, &mut self.certificate].into_iter().chain(&mut self.ca) {
            *path = folder.join(&*path);
        }
    }
}

impl UpstreamDsrSettings {
    pub(super) fn in_folder(&mut self, folder: &Path) {
        for path in self.certificate.iter_mut().chain(&mut self.ca) {
            *path = folder.join(&*path);
        }
    }
}

fn identities() -> BTreeMap<String, IdType> {
    BTreeMap::from([(identity_type(), IdType::user_id())])
}

fn identity_type() -> String {
    "controller_customer_id".to_owned()
}

fn regulation() -> String {
    "gdpr".to_owned()
}
