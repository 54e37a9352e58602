//! Where callbacks may go: hosts that the operator listed, by https.
//!
//! A callback's URL comes from outside, so without this list a controller could have the gateway call any machine that it
//! reaches.

use http::Uri;

/// The hosts, each with its port.
#[derive(Clone, Debug, Default)]
pub struct Hosts(Vec<(String, Option<u16>)>);

/// What is listed is no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no host: give a name or an address, and a port if it is not the usual one")]
pub struct InvalidHost(String);

/// A URL that a callback may go to. It may name somebody, so it is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackUrl {
    url: String,
    host: String,
}

impl std::fmt::Debug for CallbackUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallbackUrl(…)")
    }
}

impl CallbackUrl {
    /// The URL.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.url
    }

    /// The host and its port: words of the operator's.
    pub(super) fn host(&self) -> &str {
        &self.host
    }
}

impl Hosts {
    /// Reads a list such as `["crm.example", "127.0.0.1:8080"]`.
    ///
    /// # Errors
    /// When one of them is no host.
    pub fn parse(listed: &[String]) -> Result<Self, InvalidHost> {
        let host = |text: &String| {
            let wrong = || InvalidHost(text.clone());
            let authority: http::uri::Authority = text.parse().map_err(|_| wrong())?;
            if text.contains('@') || authority.host().is_empty() {
                return Err(wrong());
            }
            Ok((authority.host().to_ascii_lowercase(), authority.port_u16()))
        };
        listed.iter().map(host).collect::<Result<_, _>>().map(Self)
    }

    /// `url`, if a callback may go there: by https to a listed host and port; by http to a listed one that is this machine.
    #[must_use]
    pub fn allow(&self, url: &str) -> Option<CallbackUrl> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority()?;
        let host = authority.host().to_ascii_lowercase();
        let usual = match uri.scheme_str()? {
            "https" => 443,
            "http" if is_this_machine(&host) => 80,
            _ => return None,
        };
        let port = authority.port_u16().unwrap_or(usual);
        let listed =
            |known: &(String, Option<u16>)| known.0 == host && known.1.unwrap_or(usual) == port;
        let plain = !authority.as_str().contains('@') && !url.contains('#') && url.len() <= 2048;
        (plain && self.0.iter().any(listed))
            .then(|| CallbackUrl { url: url.to_owned(), host: format!("{host}:{port}") })
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        let listed = ["crm.example", "crm.example:8443", "127.0.0.1:9000", "[::1]"];
        Hosts::parse(&listed.map(str::to_owned)).unwrap()
    }

    #[test]
    fn callbacks_go_to_listed_hosts_alone() {
        for good in [
            "https://crm.example/done",
            "https://CRM.example:443/done?order=7",
            "https://crm.example:8443/",
            "http://127.0.0.1:9000/done",
            "http://[::1]/done",
        ] {
            assert!(hosts().allow(good).is_some(), "{good}");
        }
        for bad in [
            "http://crm.example/done",
            "https://crm.example.evil/done",
            "https://crm.example:22/",
            "https://evil@crm.example/",
            "https://crm.example@evil/",
            "https://169.254.169.254/latest",
            "http://127.0.0.1/",
            "http://127.0.0.2:9000/",
            "http://localhost:9000/",
            "file:///etc/passwd",
            "crm.example/done",
            "//crm.example/done",
            "https://crm.example/#a",
            "",
        ] {
            assert_eq!(hosts().allow(bad), None, "{bad}");
        }
        assert_eq!(Hosts::default().allow("https://crm.example/"), None);
        assert!(Hosts::parse(&["https://crm.example".to_owned()]).is_err());
    }
}
