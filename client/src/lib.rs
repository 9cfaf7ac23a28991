//! API types shared by devices and services, the HTTP client, key files.
