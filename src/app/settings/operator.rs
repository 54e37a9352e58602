//! `[operator]`: where the operator's door is.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// `[operator]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OperatorSettings {
    /// Where an operator reaches a running gateway: `unix:PATH` or `IP:PORT`; the socket `operator.sock` in the
    /// store's folder if absent. Who owns the folder needs no token there; over TCP a token with the scope `operate`
    /// is needed.
    pub listen: Option<Door>,
}

/// A place to listen at.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Door {
    /// A Unix socket of this path.
    Unix(PathBuf),
    /// An address and port.
    Tcp(SocketAddr),
}

impl OperatorSettings {
    /// Where the door is, of a gateway whose store is in `store`.
    #[must_use]
    pub fn door(&self, store: &Path) -> Door {
        self.listen.clone().unwrap_or_else(|| Door::Unix(store.join("operator.sock")))
    }

    pub(super) fn in_folder(&mut self, folder: &Path) {
        if let Some(Door::Unix(path)) = &mut self.listen {
            *path = folder.join(&*path);
        }
    }
}

impl TryFrom<String> for Door {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.strip_prefix("unix:") {
            Some("") => Err("unix: needs a path behind it"),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).map_err(|_| "expected unix:PATH or IP:PORT"),
        }
    }
}

impl std::fmt::Display for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(text: &str) -> Result<Door, &'static str> {
        Door::try_from(text.to_owned())
    }

    #[test]
    fn a_door_is_a_socket_or_an_address_and_nothing_else() {
        assert_eq!(door("unix:run/op.sock"), Ok(Door::Unix("run/op.sock".into())));
        assert_eq!(door("127.0.0.1:9000"), Ok(Door::Tcp(([127, 0, 0, 1], 9000).into())));
        for wrong in ["unix:", "", "9000", "localhost:9000", "/run/op.sock"] {
            assert!(door(wrong).is_err(), "{wrong}");
        }
        let standard = OperatorSettings::default().door(Path::new("data"));
        assert_eq!(standard.to_string(), "unix:data/operator.sock");
    }
}
