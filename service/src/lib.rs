//! What the two services share: configuration, audit lines, authentication, health, metrics, errors.
