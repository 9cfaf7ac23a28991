//! Blocks, certificates, proofs and their verification: no I/O.
