//! Transactions and the deterministic state machine of the ledger.
