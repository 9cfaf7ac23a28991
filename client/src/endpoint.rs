//! Where a service is: a URL, and the pin of the key that must answer there.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use consilium_contracts::{Digest, HospitalCard, HospitalId, KgcCard};
use reqwest::Url;

use crate::tls::TlsPin;

/// Why a URL is not a service's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Not a URL.
    #[error("not a URL: {0}")]
    NotAUrl(String),
    /// Something besides scheme, host and port.
    #[error("a service's URL has a scheme, a host and a port, and nothing after them")]
    NotABase,
    /// Neither `https` nor `http`.
    #[error("a service's URL begins with https:// (or http:// on loopback)")]
    Scheme,
    /// `http` to another machine.
    #[error("plain http goes to this machine only; use https with a TLS pin for {0}")]
    PlaintextOffLoopback(String),
    /// `https` without a pin.
    #[error("https needs the TLS pin of the service (it is in genesis or in the invitation)")]
    NoPin,
}

/// The base URL of a service: scheme, host, port.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceUrl {
    url: Url,
    text: String,
}

impl ServiceUrl {
    /// Whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The URL without a trailing slash; what an assertion's audience begins with.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL of a path that begins with `/`.
    pub(crate) fn join(&self, path: &str) -> Result<Url, EndpointError> {
        let url = format!("{}{path}", self.text);
        Url::parse(&url).map_err(|error| EndpointError::NotAUrl(error.to_string()))
    }

    fn is_loopback(url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let address = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for ServiceUrl {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let url = Url::parse(text).map_err(|error| EndpointError::NotAUrl(error.to_string()))?;
        let has_user = !url.username().is_empty() || url.password().is_some();
        let has_rest = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
        match url.scheme() {
            _ if url.host_str().is_none() || has_user || has_rest => Err(EndpointError::NotABase),
            "http" if !Self::is_loopback(&url) => Err(EndpointError::PlaintextOffLoopback(
                url.host_str().unwrap_or_default().into(),
            )),
            "http" | "https" => {
                let text = url.as_str().trim_end_matches('/').to_owned();
                Ok(Self { url, text })
            }
            _ => Err(EndpointError::Scheme),
        }
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceUrl({})", self.text)
    }
}

/// Which service is meant, for people who read that it does not answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Whose {
    /// Nobody said.
    #[default]
    Unnamed,
    /// The key generation centre.
    Kgc,
    /// The gateway that an invitation names; whose that is, it does not say.
    Inviting,
    /// The gateway of a hospital.
    Gateway(HospitalId),
}

impl Whose {
    /// How its operator starts it.
    pub(crate) fn start(&self) -> &'static str {
        match self {
            Self::Unnamed => "`consilium gateway serve`, `consilium kgc serve`",
            Self::Kgc => "`consilium kgc serve`",
            Self::Inviting | Self::Gateway(_) => "`consilium gateway serve`",
        }
    }
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unnamed => f.write_str("the service"),
            Self::Kgc => f.write_str("the KGC"),
            Self::Inviting => f.write_str("the gateway that the invitation names"),
            Self::Gateway(hospital) => write!(f, "the gateway of hospital {hospital}"),
        }
    }
}

/// A service: whose it is, its URL, and the pin where the URL is `https`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    whose: Whose,
    url: ServiceUrl,
    pin: Option<TlsPin>,
}

impl Endpoint {
    /// A service at `url`, which answers with the key of `pin`.
    ///
    /// # Errors
    /// [`EndpointError::NoPin`] when the URL is `https` and there is none. On plain loopback a pin is not used.
    pub fn new(url: ServiceUrl, pin: Option<TlsPin>) -> Result<Self, EndpointError> {
        let pin = match (url.is_tls(), pin) {
            (true, None) => return Err(EndpointError::NoPin),
            (true, pin) => pin,
            (false, _) => None,
        };
        let whose = Whose::Unnamed;
        Ok(Self { whose, url, pin })
    }

    /// The KGC, as its card says, or at another `url` where one is given.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub fn of_kgc(card: &KgcCard, url: &str) -> Result<Self, EndpointError> {
        let url = if url.is_empty() {
            card.url.as_str()
        } else {
            url
        };
        Self::of_card(Whose::Kgc, url, &card.tls_pin)
    }

    /// A hospital's gateway, as its card says.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub fn of_hospital(card: &HospitalCard) -> Result<Self, EndpointError> {
        let whose = Whose::Gateway(card.id.clone());
        Self::of_card(whose, card.url.as_str(), &card.tls_pin)
    }

    fn of_card(whose: Whose, url: &str, pin: &Digest) -> Result<Self, EndpointError> {
        let endpoint = Self::new(url.parse()?, Some(TlsPin::from_bytes(*pin.as_bytes())))?;
        Ok(endpoint.named(whose))
    }

    /// The same, its name known.
    #[must_use]
    pub fn named(self, whose: Whose) -> Self {
        Self { whose, ..self }
    }

    /// Whose it is.
    pub fn whose(&self) -> &Whose {
        &self.whose
    }

    /// The base URL.
    pub fn url(&self) -> &ServiceUrl {
        &self.url
    }

    /// The pin, where the connection is encrypted.
    pub fn pin(&self) -> Option<TlsPin> {
        self.pin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for url in [
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost:1/",
        ] {
            let url: ServiceUrl = url.parse().unwrap();
            assert!(!url.is_tls() && !url.as_str().ends_with('/'));
            Endpoint::new(url, None).unwrap();
        }
        for url in [
            "http://10.0.0.1",
            "http://example.org",
            "http://127.0.0.1.example.org",
        ] {
            let refused = url.parse::<ServiceUrl>();
            assert!(
                matches!(refused, Err(EndpointError::PlaintextOffLoopback(_))),
                "{url}"
            );
        }
    }

    #[test]
    fn https_needs_a_pin() {
        let url: ServiceUrl = "https://st-mary.example:8443".parse().unwrap();
        assert_eq!(Endpoint::new(url.clone(), None), Err(EndpointError::NoPin));
        Endpoint::new(url, Some(TlsPin::from_bytes([7; 32]))).unwrap();
    }

    #[test]
    fn only_a_base_is_a_service() {
        for url in [
            "https://a/b",
            "https://a?x=1",
            "https://u:p@a",
            "https://a/#f",
        ] {
            assert_eq!(
                url.parse::<ServiceUrl>(),
                Err(EndpointError::NotABase),
                "{url}"
            );
        }
        assert_eq!("ftp://a".parse::<ServiceUrl>(), Err(EndpointError::Scheme));
        assert!(matches!(
            "not a url".parse::<ServiceUrl>(),
            Err(EndpointError::NotAUrl(_))
        ));
    }
}
