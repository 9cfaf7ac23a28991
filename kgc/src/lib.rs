//! The key generation centre as a service.
