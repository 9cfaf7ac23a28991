//! What is settled about reports on the ledger: the proof of having decrypted, and disputes; frozen vectors recomputed with
//! schoolbook integers, and the attacks of `report_rsa.py`.
mod decryption;
mod dispute;
mod vectors;

use std::sync::LazyLock;

use crate::frozen::{FixedRng, bytes, cases};
use consilium_schemes::report::{PublicKey, Report, ReportContext, SealedReport, SecretKey, seal};
use consilium_schemes::signature::SigningKey;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

const CONTEXT: ReportContext = ReportContext {
    federation: [1; 32],
    record: [2; 32],
};

/// Bytes of the test modulus.
const SIZE: usize = 384;

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// The one test key: making 3072-bit keys takes seconds.
static PATIENT: LazyLock<SecretKey> = LazyLock::new(|| {
    let case = &cases("report_v2", "key")[0];
    SecretKey::from_pkcs8_der(&bytes(&case["pkcs8"]), &mut rng(1)).unwrap()
});

fn modulus() -> Vec<u8> {
    PATIENT.public_key().to_bytes()[5..5 + SIZE].to_vec()
}

/// A certified key whose modulus has squares, with a c that has two roots.
fn squares() -> (PublicKey, serde_json::Value) {
    let case = cases("report_squares", "squares").remove(0);
    (
        PublicKey::from_bytes(&bytes(&case["public_key"])).unwrap(),
        case,
    )
}

fn doctor() -> SigningKey {
    SigningKey::from_bytes(&[4; 32])
}

/// z below N, the same for the same number.
fn z(number: u8) -> Vec<u8> {
    let mut z = vec![number; SIZE];
    z[0] = 0x10;
    z
}

fn sealed(number: u8) -> SealedReport {
    let text = Report::new(b"text".to_vec().into()).unwrap();
    let mut random = FixedRng::new(&[&z(number)]);
    seal(
        &text,
        &CONTEXT,
        PATIENT.public_key(),
        &doctor(),
        &mut random,
    )
    .unwrap()
}
