//! What a quorum signs, or less than one.

use consilium_contracts::SigningKey;
use consilium_ledger::{
    Ballot, CommitCertificate, CommitSignature, ConsensusStatement, Header, Round, ValidatorAddress,
};

/// Precommits for a header, in a round, by these keys.
pub fn certificate(
    header: &Header,
    round: Round,
    voters: impl IntoIterator<Item = SigningKey>,
) -> CommitCertificate {
    let (height, hash) = (header.height, header.hash());
    let sign = |key: SigningKey| {
        let voter = ValidatorAddress::of(&key.verifying_key());
        let block = Some(hash);
        let ballot = Ballot {
            height,
            round,
            block,
            voter,
        };
        let signature = ConsensusStatement::Precommit(ballot).sign(&header.federation, &key);
        CommitSignature { voter, signature }
    };
    CommitCertificate::new(height, round, hash, voters.into_iter().map(sign).collect())
}
