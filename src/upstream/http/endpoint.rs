//! Where a model listens, and what every call to it carries.

use std::sync::Arc;

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Uri, header,
    uri::{PathAndQuery, Scheme},
};

use super::watch::{Content, Progress};
use crate::upstream::{
    fault::{Unsent, UpstreamFault},
    wire::Outbound,
};

/// The URL below which a model's routes lie, with the key it asks for.
#[derive(Debug)]
pub struct Endpoint {
    host: String,
    port: u16,
    prefix: String,
    headers: HeaderMap,
}

/// Why a configured model cannot be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// No absolute URL.
    #[error("a model's url must be absolute, such as http://127.0.0.1:8090")]
    NotAbsolute,
    /// A scheme other than `http`.
    #[error("a model's url must start with http://; for https put a tls proxy beside the gateway")]
    Scheme,
    /// A user name, password or query in the URL.
    #[error("a model's url must not hold a user name, a password or a query; a key is a header")]
    Extras,
    /// A header that the gateway sets itself or that would change how the call is read.
    #[error("a model's key cannot be sent in this header")]
    Header,
}

impl Endpoint {
    /// Reads a model's URL. A path in it comes before the path of each call; `fixed` headers go with each.
    ///
    /// # Errors
    /// When the URL is not absolute, not `http`, or holds more than host, port and path.
    pub fn parse(
        url: &str,
        fixed: impl IntoIterator<Item = StaticHeader>,
    ) -> Result<Self, InvalidEndpoint> {
        let uri: Uri = url.parse().map_err(|_| InvalidEndpoint::NotAbsolute)?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(InvalidEndpoint::NotAbsolute);
        };
        if *scheme != Scheme::HTTP {
            return Err(InvalidEndpoint::Scheme);
        }
        if authority.as_str().contains('@') || uri.query().is_some() || url.contains('#') {
            return Err(InvalidEndpoint::Extras);
        }
        let mut headers = HeaderMap::with_capacity(8);
        let host = HeaderValue::from_str(authority.as_str());
        headers.insert(header::HOST, host.map_err(|_| InvalidEndpoint::NotAbsolute)?);
        headers.extend(fixed.into_iter().map(|header| (header.name, header.value)));
        Ok(Self {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(80),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            headers,
        })
    }

    pub(super) fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// The call as HTTP.
    pub(super) fn request(
        &self,
        outbound: &Outbound,
        progress: &Arc<Progress>,
    ) -> Result<Request<Content>, UpstreamFault> {
        let target = match &outbound.path {
            std::borrow::Cow::Borrowed(path) if self.prefix.is_empty() => {
                PathAndQuery::try_from(*path)
            }
            path => PathAndQuery::try_from(format!("{}{path}", self.prefix)),
        };
        let target = target.map_err(|_| UpstreamFault::NotSent(Unsent::Malformed))?;
        let content = Content::new(outbound.body.clone(), Arc::clone(progress));
        let mut request = Request::new(content);
        *request.method_mut() = outbound.method.clone();
        *request.uri_mut() = Uri::from(target);
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().extend(outbound.headers());
        Ok(request)
    }
}

/// A header that goes with every call to one model, such as its API key. `Debug` hides the value.
#[derive(Clone, Debug)]
pub struct StaticHeader {
    name: HeaderName,
    value: HeaderValue,
}

impl StaticHeader {
    /// Reads a header, such as `authorization` and `Bearer …`.
    ///
    /// # Errors
    /// When it is no header, or one that the gateway sets itself, frames the message, or could name a person.
    pub fn parse(name: &str, value: &str) -> Result<Self, InvalidEndpoint> {
        let name = HeaderName::try_from(name).map_err(|_| InvalidEndpoint::Header)?;
        let mut value = HeaderValue::try_from(value).map_err(|_| InvalidEndpoint::Header)?;
        if TAKEN.contains(&name.as_str()) {
            return Err(InvalidEndpoint::Header);
        }
        value.set_sensitive(true);
        Ok(Self { name, value })
    }
}

const TAKEN: [&str; 16] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "sec-gpc",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
    "x-request-id",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_is_not_plain_http_is_refused_with_the_reason() {
        let refusal = |url| Endpoint::parse(url, None).unwrap_err();
        assert_eq!(refusal("https://model.example"), InvalidEndpoint::Scheme);
        assert_eq!(refusal("model:8090"), InvalidEndpoint::NotAbsolute);
        assert_eq!(refusal("/recommend"), InvalidEndpoint::NotAbsolute);
        assert_eq!(refusal("http://ada:secret@model.example"), InvalidEndpoint::Extras);
        assert_eq!(refusal("http://model.example/?key=secret"), InvalidEndpoint::Extras);
    }

    #[test]
    fn host_port_and_path_are_taken_from_the_url() {
        let endpoint = Endpoint::parse("http://[::1]:8090/models/home/", None).unwrap();
        assert_eq!(endpoint.address(), ("::1", 8090));
        assert_eq!(endpoint.prefix, "/models/home");
        assert_eq!(Endpoint::parse("http://model", None).unwrap().address(), ("model", 80));
    }

    #[test]
    fn a_key_never_prints_itself_and_cannot_pose_as_another_header() {
        let key = StaticHeader::parse("x-api-key", "wonderful").unwrap();
        let endpoint = Endpoint::parse("http://model", Some(key.clone())).unwrap();
        assert!(!format!("{key:?} {endpoint:?}").contains("wonderful"));
        for taken in TAKEN {
            assert_eq!(StaticHeader::parse(taken, "x").unwrap_err(), InvalidEndpoint::Header);
        }
        assert!(StaticHeader::parse("x-api-key", "a\r\nb: c").is_err());
    }
}
