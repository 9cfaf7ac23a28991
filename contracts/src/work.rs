//! What verifying a transaction costs, so that a block is not longer in verifying than its round lasts.
//!
//! An estimate that everybody makes alike, from what a transaction says before anything of it is parsed; in microseconds of one core, as
//! `docs/benchmarks.md` found them, rounded up. It bounds a block and decides nothing else. But a block that is beyond its bound is invalid, for
//! ever: the numbers are part of the ledger's rules (`docs/spec/ledger.md`) and never change for a ledger that has begun.

use consilium_schemes::matching::IndexSize;
use consilium_schemes::matching::posting::PostedTrapdoor;

use crate::action::{Action, PostTrapdoor};
use crate::patient::ReportKeyBytes;

/// A signature, and the contracts.
const PLAIN: u64 = 200;
/// A hospital's card: its matching keys, with the proofs that it has them.
const CARD: u64 = 10_000;
/// Of an index, for each of its n + 1 places: two points in G1, and their part of the proof.
const INDEX: u64 = 150;
/// Of a trapdoor, likewise: two points in G2.
const TRAPDOOR: u64 = 300;
/// Of a trapdoor with m interests, m (m + 1) times: two multiplications in G2.
const INTERESTS: u64 = 250;
/// Of a proof of Match, for each of the n + 1 places: four multiplications in G1 and two Miller loops.
const MATCH: u64 = 700;
/// Of a proof of no match besides: Z, its order, and an exponentiation in GT.
const NO_MATCH: u64 = 7_000;

/// Of an RSA key of 3072 bits: its certificate, and a proof of having decrypted or an opening; grows with the square of its length.
const REPORT: u64 = 20_000;
const REPORT_KEY: u64 = 9 * 384;
/// Of a complaint about a transform, for each KiB of it: the public check, the transform and the share.
const COMPLAINT: u64 = 5_000;

impl Action {
    /// Microseconds that a node needs for a transaction with this action, about, where indexes have n keywords.
    #[must_use]
    pub fn work(&self, n: u16) -> u64 {
        let places = u64::from(n).saturating_add(1);
        let proofs = match self {
            Self::PostIndex(_) => INDEX.saturating_mul(places),
            Self::PostTrapdoor(action) => {
                let interests = interests(action, n);
                let rank = interests.saturating_mul(interests.saturating_add(1));
                let points = TRAPDOOR.saturating_mul(places);
                points.saturating_add(INTERESTS.saturating_mul(rank))
            }
            Self::PostMatch(_) => MATCH.saturating_mul(places),
            // A challenge makes its answer, and keeps a copy of index and trapdoor.
            Self::Challenge(_) | Self::AnswerChallenge(_) => {
                MATCH.saturating_mul(places).saturating_add(NO_MATCH)
            }
            Self::Acknowledge(decrypted) => report(&decrypted.key),
            Self::Complain(complain) => report(&complain.decrypted.key),
            Self::Dispute(dispute) => report(&dispute.key),
            Self::ComplainTransform(action) => {
                let kibibytes = action.complaint.as_bytes().len().div_ceil(1024) as u64;
                COMPLAINT.saturating_mul(kibibytes.saturating_add(1))
            }
            Self::AdmitHospital(_) => CARD,
            Self::PublishEpoch(_)
            | Self::RegisterDoctor(_)
            | Self::ReissueDoctor(_)
            | Self::RevokeDoctor(_)
            | Self::RegisterRecord(_)
            | Self::Authorize(_)
            | Self::WithdrawAuthorization(_)
            | Self::WithdrawConsent(_)
            | Self::WithdrawTrapdoor
            | Self::Decline(_)
            | Self::Access(_)
            | Self::Report(_)
            | Self::ProposeValidatorChange(_)
            | Self::ApproveValidatorChange(_)
            | Self::UpdateCard(_) => 0,
        };
        PLAIN.saturating_add(proofs)
    }
}

/// What a patient shows about a report, by the length of the RSA key with its certificate.
fn report(key: &ReportKeyBytes) -> u64 {
    let length = key.as_bytes().len() as u64;
    let squared = length.saturating_mul(length);
    REPORT.saturating_mul(squared) / (REPORT_KEY * REPORT_KEY)
}

/// How many interests a posted trapdoor claims, going by its length; one that has another n or another length is refused when it is parsed.
fn interests(action: &PostTrapdoor, n: u16) -> u64 {
    let Ok(n) = IndexSize::new(n) else {
        return 0;
    };
    let length = action.trapdoor.as_bytes().len();
    let each = PostedTrapdoor::length(n, 1).saturating_sub(PostedTrapdoor::length(n, 0));
    let over = length.saturating_sub(PostedTrapdoor::length(n, 0));
    let claimed = over.checked_div(each).unwrap_or_default();
    claimed.min(n.interests()) as u64
}
