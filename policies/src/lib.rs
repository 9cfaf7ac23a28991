//! The policy language and its linear secret sharing: no I/O.
