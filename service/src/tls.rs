//! The service's TLS identity: one key, which others pin.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use consilium_client::tls::{PinError, TlsPin};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Why there is no TLS identity.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A name that cannot stand in a certificate, or no randomness.
    #[error("the certificate cannot be made: {0}")]
    Generate(#[from] rcgen::Error),
    /// The certificate cannot be read.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// Key and certificate do not fit.
    #[error("the TLS identity cannot be used: {0}")]
    Use(#[from] rustls::Error),
    /// Plain HTTP beyond this machine.
    #[error("{0} is not loopback: the service needs its TLS identity there")]
    PlaintextOffLoopback(SocketAddr),
}

/// A self-signed certificate and its key. Who trusts it pins the key; no authority is asked, so neither names nor dates matter to
/// our own clients (browsers and probes may look at the names).
#[derive(Clone, Serialize, Deserialize)]
pub struct TlsIdentity {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl TlsIdentity {
    /// Draws a P-256 key and signs a certificate for `names` (host names and addresses). The bytes belong in a sealed bundle.
    ///
    /// # Errors
    /// [`TlsError::Generate`].
    pub fn generate(names: &[String]) -> Result<Self, TlsError> {
        let key = rcgen::KeyPair::generate()?;
        let certificate = rcgen::CertificateParams::new(names)?.self_signed(&key)?;
        Ok(Self {
            certificate: certificate.der().to_vec(),
            key: Zeroizing::new(key.serialize_der()),
        })
    }

    /// What others pin.
    ///
    /// # Errors
    /// [`TlsError::Pin`].
    pub fn pin(&self) -> Result<TlsPin, TlsError> {
        Ok(TlsPin::of_certificate(&self.certificate)?)
    }

    /// The certificate (DER); public.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// For a server that speaks TLS 1.2 and 1.3 with ring's ciphers.
    pub(crate) fn server_config(&self) -> Result<ServerConfig, TlsError> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.to_vec()));
        let chain = vec![CertificateDer::from(self.certificate.clone())];
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(config)
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsIdentity(REDACTED)")
    }
}
