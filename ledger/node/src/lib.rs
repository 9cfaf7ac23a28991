//! The replicated ledger: consensus engine, store, forwarding and catching up.
