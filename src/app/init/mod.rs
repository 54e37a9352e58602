//! A new gateway's folder: configuration, policies and fresh keys.
//!
//! Promises: nothing that is there is overwritten; what is written runs as it is; secrets are readable by their owner
//! alone. The configuration file is one template, `consentry.toml` beside this file, and states every default.

mod pem;

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{
    Deserialize,
    de::{IntoDeserializer as _, value::Error as ValueError},
};

use super::{AppError, UpstreamKind};
use crate::{
    ambient::{Entropy, create_secret, private_dir},
    domain::{AppId, PurposeId},
    policy::Bundle,
    upstream::Endpoint,
    vault::Keeper,
};

const TEMPLATE: &str = include_str!("consentry.toml");

/// The configuration's name in the folder.
pub const CONFIG: &str = "consentry.toml";

/// Where `consentry token` finds its key, and the gateway its public half, in the folder.
const PRIVATE: &str = "secrets/token-private.pem";
const PUBLIC: &str = "secrets/token-public.pem";

/// What no version control may hold: people's data and whatever opens them.
const IGNORED: &str = "/data/\n/keys/\n/secrets/\n";

/// The purpose under which events count for the popular list.
const POPULARITY: &str = "measure_popularity";

/// What a new gateway is made for.
#[derive(Clone, Debug)]
pub struct Init {
    /// Its folder; made if it is not there.
    pub dir: PathBuf,
    /// The model that it stands before.
    pub model: ModelAt,
    /// The app that calls it.
    pub app: AppId,
    /// What the model is asked for.
    pub purposes: Vec<PurposeId>,
    /// Where apps reach it.
    pub listen: SocketAddr,
}

/// A model as the command line names it: `KIND=URL`, or `builtin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelAt {
    kind: String,
    url: Option<String>,
}

/// The text names no model.
#[derive(Debug, thiserror::Error)]
pub enum InvalidModel {
    /// There is no `=` and it is not `builtin`.
    #[error("a model is `builtin` or KIND=URL, such as json=http://127.0.0.1:9000")]
    Form,
    /// The kind is none.
    #[error("the model's kind: {0}")]
    Kind(String),
    /// The URL is none.
    #[error(transparent)]
    Url(#[from] crate::upstream::InvalidEndpoint),
}

impl FromStr for ModelAt {
    type Err = InvalidModel;

    fn from_str(text: &str) -> Result<Self, InvalidModel> {
        let (kind, url) = match text.split_once('=') {
            Some((kind, url)) => (kind, Some(url.to_owned())),
            None => (text, None),
        };
        let known: Result<UpstreamKind, ValueError> =
            UpstreamKind::deserialize(kind.into_deserializer());
        let builtin = known.as_ref().is_ok_and(|kind| *kind == UpstreamKind::Builtin);
        match &url {
            Some(_) if builtin => return Err(InvalidModel::Form),
            None if !builtin => return Err(InvalidModel::Form),
            _ => known.map_err(|error| InvalidModel::Kind(error.to_string()))?,
        };
        if let Some(url) = &url {
            Endpoint::parse(url, None)?;
        }
        Ok(Self { kind: kind.to_owned(), url })
    }
}

impl Init {
    /// Writes the folder.
    ///
    /// # Errors
    /// When something of it is there already, a purpose is none that consent is asked for, or the disk fails.
    pub fn write(&self, entropy: &Entropy) -> Result<(), AppError> {
        let policies = Bundle::shipped()?;
        self.check_purposes(&policies)?;
        for name in [CONFIG, "policies", "keys", "secrets", "data"] {
            let path = self.dir.join(name);
            // A link that leads nowhere is something, too.
            if path.symlink_metadata().is_ok() {
                return Err(AppError::Exists(path));
            }
        }
        fs::create_dir_all(self.dir.join("policies")).map_err(writing(&self.dir))?;
        Keeper::open(&self.dir.join("keys"), false, entropy)?;
        self.write_token_keys(entropy)?;
        for (name, text) in policies.files() {
            create(&self.dir.join("policies").join(name), text)?;
        }
        match create(&self.dir.join(".gitignore"), IGNORED) {
            // The folder's own stays; `init` says what it must hold.
            Err(AppError::Write { source, .. })
                if source.kind() == io::ErrorKind::AlreadyExists => {}
            written => written?,
        }
        // Last, so that a folder with a configuration is a whole one.
        create(&self.dir.join(CONFIG), &self.config())
    }

    /// The configuration file's text.
    #[must_use]
    pub fn config(&self) -> String {
        let popularity = PurposeId::parse(POPULARITY).ok();
        let purposes: Vec<&str> = self.purposes.iter().map(PurposeId::as_str).collect();
        let more = popularity.iter().filter(|more| !self.purposes.contains(more));
        let all: Vec<&str> = purposes.iter().copied().chain(more.map(PurposeId::as_str)).collect();
        let url = match &self.model.url {
            Some(url) => format!("url = {}", toml::Value::from(url.as_str())),
            None => "# The model inside this process has no URL.".to_owned(),
        };
        let kind = toml::Value::from(self.model.kind.as_str()).to_string();
        TEMPLATE
            .replace("<<listen>>", &toml::Value::from(self.listen.to_string()).to_string())
            .replace("<<app>>", &toml::Value::from(self.app.as_str()).to_string())
            .replace("<<app_purposes>>", &toml::Value::from(all).to_string())
            .replace("<<purposes>>", &toml::Value::from(purposes).to_string())
            .replace("<<kind>>", &kind)
            .replace("<<url>>", &url)
    }

    fn check_purposes(&self, policies: &Bundle) -> Result<(), AppError> {
        let catalogue = policies.catalogue();
        let asked = |id: &PurposeId| catalogue.purpose(id).is_some_and(|known| !known.required());
        match self.purposes.iter().find(|id| !asked(id)) {
            Some(unknown) => {
                let known = catalogue.purposes().iter().filter(|known| !known.required());
                let known: Vec<&str> = known.map(|known| known.id().as_str()).collect();
                let known = known.join(", ");
                Err(AppError::Settings(format!(
                    "no consent is asked for {unknown}; known: {known}"
                )))
            }
            None => Ok(()),
        }
    }

    fn write_token_keys(&self, entropy: &Entropy) -> Result<(), AppError> {
        private_dir(&self.dir.join("secrets")).map_err(writing(&self.dir.join("secrets")))?;
        let pair = pem::Pair::draw(entropy)?;
        let path = self.dir.join(PRIVATE);
        create_secret(&path, pair.private().as_bytes()).map_err(writing(&path))?;
        create(&self.dir.join(PUBLIC), &pair.public())
    }
}

fn create(path: &Path, text: &str) -> Result<(), AppError> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).open(path).map_err(writing(path))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(writing(path))
}

fn writing(path: &Path) -> impl FnOnce(io::Error) -> AppError + use<> {
    let path = path.to_owned();
    move |source| AppError::Write { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Settings;

    fn init(model: &str) -> Init {
        Init {
            dir: PathBuf::new(),
            model: model.parse().unwrap(),
            app: AppId::parse("shop").unwrap(),
            purposes: vec![PurposeId::parse("recommend_products").unwrap()],
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
        }
    }

    /// The template with every default spelled out.
    fn spelled_out(config: &str) -> String {
        let shows = |line: &str| {
            line.strip_prefix('#')
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
        };
        let line =
            |line: &str| if shows(line) { line.replacen('#', "", 1) } else { line.to_owned() };
        config.lines().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_defaults_that_the_template_shows_are_those_in_force() {
        let config = init("json=http://127.0.0.1:9000").config();
        let spelled = spelled_out(&config);
        assert!(spelled.lines().filter(|line| line.contains(" = ")).count() > 25);
        let mut left_out = Settings::parse(&config).unwrap();
        let spelled_out = Settings::parse(&spelled).unwrap();
        // The two whose default depends on the machine, or is the same said by leaving out.
        left_out.server.workers = Some(2);
        let store = std::path::Path::new("data");
        assert_eq!(spelled_out.operator.door(store), left_out.operator.door(store));
        left_out.operator = spelled_out.operator.clone();
        left_out.app[0].scopes = spelled_out.app[0].scopes;
        assert_eq!(spelled_out.app[0].scopes, Some(crate::auth::Scopes::APP));
        assert_eq!(format!("{left_out:?}"), format!("{spelled_out:?}"));
    }

    #[test]
    fn a_value_cannot_leave_its_line() {
        let config = init("json=http://127.0.0.1:9000/a%22b").config();
        assert_eq!(
            Settings::parse(&config).unwrap().upstream[0].url.as_deref(),
            Some("http://127.0.0.1:9000/a%22b")
        );
        assert!(!config.contains("<<"));
    }

    #[test]
    fn what_is_no_model_is_told() {
        for bad in ["json", "builtin=http://a", "teapot=http://a", "json=", "json=nowhere"] {
            assert!(bad.parse::<ModelAt>().is_err(), "{bad}");
        }
        assert!("builtin".parse::<ModelAt>().is_ok());
        let told = "teapot=http://a".parse::<ModelAt>().unwrap_err().to_string();
        assert!(told.contains("json"), "{told}");
    }
}
