//! Who calls and what it may: assertion in, bearer token out; bearer token in, [`Caller`] out.
//!
//! RFC 7523 as SMART Backend Services use it. The bearer tokens are signed with a key that is drawn when the service starts and never
//! leaves its memory: a restart ends every session, and clients obtain a new token by themselves. A token says who the caller is and
//! which scopes it had minutes ago; what it may do to a particular record is asked of the ledger's state, each time.

mod authenticator;
mod caller;
pub(crate) mod endpoint;
mod replay;

pub use authenticator::{Authenticator, PrincipalScopes};
pub use caller::{AcceptedScopes, Call, Caller, scope};
