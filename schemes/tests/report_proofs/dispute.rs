//! Disputes: every defect is shown, and nobody is framed.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use consilium_schemes::curve::DecodeError;
use consilium_schemes::digest::Digest;
use consilium_schemes::report::{
    Defect, DisputeRefused, Evidence, Inadmissible, PartDigests, PostedReport, ReportParts,
    SealedReport, Verdict,
};
use consilium_schemes::signature::Purpose;

use super::{CONTEXT, PATIENT, SIZE, doctor, modulus, rng, sealed, squares, z};
use crate::by_hand::{hkdf, hmac};
use crate::frozen::{bytes, report_digest_by_hand};

/// c, header and ciphertext as a doctor posted their digest.
#[derive(Clone)]
struct Parts {
    c: Vec<u8>,
    header: Vec<u8>,
    ciphertext: Vec<u8>,
}

impl Parts {
    fn of(sealed: &SealedReport) -> Self {
        let bytes = sealed.to_bytes();
        Self {
            header: bytes[..166].to_vec(),
            c: bytes[170..170 + SIZE].to_vec(),
            ciphertext: bytes[558..bytes.len() - 64].to_vec(),
        }
    }

    fn posted(&self) -> PostedReport {
        let digest = report_digest_by_hand(&self.c, &self.header, &self.ciphertext);
        PostedReport {
            context: CONTEXT,
            doctor: doctor().verifying_key(),
            key: PATIENT.public_key().digest(),
            digest: Digest::from_bytes(digest.try_into().unwrap()),
        }
    }

    fn evidence(&self, z: &[u8]) -> Evidence {
        let sized = |part: &[u8]| [&(part.len() as u32).to_be_bytes()[..], part].concat();
        let all = [z, &self.c, &self.header, &self.ciphertext].map(sized);
        let encoded = [&[1][..], &all.concat()].concat();
        let evidence = Evidence::from_bytes(&encoded).unwrap();
        assert_eq!(*evidence.expose_secret(), encoded);
        evidence
    }

    fn settle(&self, z: &[u8]) -> Result<Verdict, Inadmissible> {
        self.evidence(z)
            .settle(&self.posted(), PATIENT.public_key())
    }

    /// The same header and key, with a plaintext of the doctor's choice.
    fn encrypting(&self, plaintext: &[u8]) -> Self {
        let bound = [&self.header[..134], &self.c].concat();
        let keys = hkdf(b"CONSILIUM-V1-REPORT-KEYS", &z(1), &bound, 64);
        assert_eq!(hmac(&keys[32..], &[&bound]), self.header[134..]);
        let key: [u8; 32] = keys[..32].try_into().unwrap();
        let payload = Payload {
            msg: plaintext,
            aad: &self.header,
        };
        let ciphertext = Aes256Gcm::new(&key.into())
            .encrypt(&[0; 12].into(), payload)
            .unwrap();
        Self {
            ciphertext,
            ..self.clone()
        }
    }

    /// What travels, with the doctor's signature outside.
    fn encoded(&self) -> Vec<u8> {
        let purpose = Purpose::new("CONSILIUM-V1-SIG-REPORT-OUTSIDE");
        let digest = self.posted().digest;
        let signature = doctor().sign(purpose, &self.header[..134], digest.as_bytes());
        let sized = |part: &[u8]| [&(part.len() as u32).to_be_bytes()[..], part].concat();
        let encoded = [
            self.header.clone(),
            sized(&self.c),
            sized(&self.ciphertext),
            signature.to_bytes().to_vec(),
        ];
        encoded.concat()
    }

    fn parts(&self) -> ReportParts {
        let parts = ReportParts::from_bytes(&self.encoded()).unwrap();
        assert_eq!(parts.digest(), self.posted().digest);
        parts
    }

    fn changed(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut parts = self.clone();
        change(&mut parts);
        parts
    }
}

fn good() -> Parts {
    Parts::of(&sealed(1))
}

#[test]
fn a_report_that_opens_shows_the_patient_at_fault_and_the_device_does_not_dispute_it() {
    let sealed = sealed(1);
    let parts = Parts::of(&sealed);
    assert_eq!(parts.posted().digest, sealed.digest());
    assert_eq!(parts.settle(&z(1)), Ok(Verdict::Opens));
    let refused = PATIENT.dispute(&(&sealed).into(), &parts.posted(), &mut rng(1));
    assert_eq!(refused.map(drop).unwrap_err(), DisputeRefused::Opens);
}

#[test]
fn every_defect_is_shown_by_the_device_and_settled_alike_by_everyone() {
    let good = good();
    let signature = [3; 64];
    for (bad, defect) in [
        (good.changed(|p| p.header[140] ^= 1), Defect::Commitment),
        (good.changed(|p| p.ciphertext[0] ^= 1), Defect::Ciphertext),
        (
            good.changed(|p| p.ciphertext.truncate(5)),
            Defect::Ciphertext,
        ),
        (good.encrypting(&[7; 63]), Defect::Plaintext),
        (good.encrypting(&[]), Defect::Plaintext),
        (
            good.encrypting(&[&signature[..], b"text"].concat()),
            Defect::InnerSignature,
        ),
        (good.changed(|p| p.c[200] ^= 1), Defect::Commitment),
        (
            good.changed(|p| p.header[10] ^= 1),
            Defect::Context("federation"),
        ),
        (
            good.changed(|p| p.header[50] ^= 1),
            Defect::Context("record"),
        ),
        (
            good.changed(|p| p.header[110] ^= 1),
            Defect::Context("report key"),
        ),
        (good.changed(|p| p.c = vec![0; SIZE]), Defect::Encapsulation),
        (good.changed(|p| p.c = modulus()), Defect::Encapsulation),
        (good.changed(|p| p.c.truncate(300)), Defect::Encapsulation),
    ] {
        let (evidence, found) = PATIENT
            .dispute(&bad.parts(), &bad.posted(), &mut rng(1))
            .unwrap();
        assert_eq!(found, defect);
        let revealed = Evidence::from_bytes(&evidence.expose_secret()).unwrap();
        let verdict = revealed.settle(&bad.posted(), PATIENT.public_key());
        assert_eq!(verdict, Ok(Verdict::DoesNotOpen(defect)));
    }
}

/// What whoever sees evidence reads: the key follows from z, c and the header; counter mode has no use for the tag, nor for what the header
/// commits to.
fn read_by_anyone(evidence: &[u8]) -> Vec<u8> {
    let mut rest = &evidence[1..];
    let mut next = || {
        let (length, tail) = rest.split_first_chunk::<4>().unwrap();
        let (part, tail) = tail.split_at(u32::from_be_bytes(*length) as usize);
        rest = tail;
        part
    };
    let [z, c, header, ciphertext] = [next(), next(), next(), next()];
    let bound = [&header[..134], c].concat();
    let keys = hkdf(b"CONSILIUM-V1-REPORT-KEYS", z, &bound, 64);
    let key: [u8; 32] = keys[..32].try_into().unwrap();
    let zeros = vec![0; ciphertext.len() - 16];
    let keystream = Aes256Gcm::new(&key.into())
        .encrypt(&[0; 12].into(), &zeros[..])
        .unwrap();
    let pairs = ciphertext[..zeros.len()].iter().zip(keystream);
    // Behind the signature inside.
    pairs.map(|(byte, key)| byte ^ key).skip(64).collect()
}

/// A doctor who wants a patient's report in the open spoils one bit that the text does not need, and waits for the dispute.
#[test]
fn whoever_sees_a_dispute_with_z_reads_the_report_whatever_is_wrong_with_it() {
    let good = good();
    let unsigned = [&[3; 64][..], b"text"].concat();
    for (bad, defect) in [
        (good.changed(|p| p.header[140] ^= 1), Defect::Commitment),
        (
            good.changed(|p| *p.ciphertext.last_mut().unwrap() ^= 1),
            Defect::Ciphertext,
        ),
        (good.encrypting(&unsigned), Defect::InnerSignature),
    ] {
        let disputed = PATIENT.dispute(&bad.parts(), &bad.posted(), &mut rng(1));
        let (evidence, found) = disputed.unwrap();
        assert_eq!(found, defect);
        assert_eq!(read_by_anyone(&evidence.expose_secret()), b"text");
    }
}

#[test]
fn a_malformed_header_shows_the_doctor_at_fault_without_z() {
    let good = good();
    let other = good.header[..70].to_vec();
    for (bad, defect) in [
        (good.changed(|p| p.header[0] ^= 1), Defect::Header),
        (good.changed(|p| p.header[4] = 2), Defect::Header),
        (good.changed(|p| p.header.truncate(165)), Defect::Header),
        (good.changed(|p| p.header.push(0)), Defect::Header),
        (good.changed(|p| p.header.clear()), Defect::Header),
        // The doctor's key replaced by something that is none.
        (good.changed(|p| p.header[70..102].fill(0)), Defect::Header),
        (
            good.changed(|p| p.header = [&other[..], &[0; 96]].concat()),
            Defect::Header,
        ),
    ] {
        assert_eq!(bad.settle(&[]), Ok(Verdict::DoesNotOpen(defect)));
        // Where such a header can be delivered at all, the device finds the same, though the report does not parse.
        if bad.header.len() == good.header.len() {
            assert!(SealedReport::from_bytes(&bad.encoded()).is_err());
            let (evidence, found) = PATIENT
                .dispute(&bad.parts(), &bad.posted(), &mut rng(1))
                .unwrap();
            assert_eq!(found, defect);
            let verdict = evidence.settle(&bad.posted(), PATIENT.public_key());
            assert_eq!(verdict, Ok(Verdict::DoesNotOpen(defect)));
        }
    }
    // Another doctor's key, although this doctor posted the digest.
    let key = consilium_schemes::signature::SigningKey::from_bytes(&[5; 32]);
    let key = *key.verifying_key().as_bytes();
    let bad = good.changed(|p| p.header[70..102].copy_from_slice(&key));
    let expected = Verdict::DoesNotOpen(Defect::Context("doctor"));
    assert_eq!(bad.settle(&[]), Ok(expected));
}

#[test]
fn a_wrong_z_shows_nothing_not_even_against_a_bad_report() {
    let good = good();
    let bad = good.changed(|p| p.header[140] ^= 1);
    let mut off_by_one = z(1);
    off_by_one[SIZE - 1] ^= 1;
    let longer = [&[0], &z(1)[..]].concat();
    for z in [
        vec![],
        vec![0; SIZE],
        modulus(),
        vec![0xff; SIZE],
        off_by_one,
        longer,
        z(2),
    ] {
        for parts in [&good, &bad] {
            assert_eq!(parts.settle(&z), Err(Inadmissible::Opening));
        }
    }
    assert_eq!(
        bad.settle(&z(1)),
        Ok(Verdict::DoesNotOpen(Defect::Commitment))
    );
}

#[test]
fn evidence_about_another_report_or_key_is_inadmissible() {
    let good = good();
    let posted = good.posted();
    for other in [
        good.changed(|p| p.c[0] ^= 1),
        good.changed(|p| p.header[140] ^= 1),
        good.changed(|p| p.ciphertext[9] ^= 1),
        // The border between header and ciphertext moved.
        good.changed(|p| {
            let last = p.header.pop().unwrap();
            p.ciphertext.insert(0, last);
        }),
        Parts::of(&sealed(2)),
    ] {
        let verdict = other.evidence(&z(1)).settle(&posted, PATIENT.public_key());
        assert_eq!(verdict, Err(Inadmissible::Report));
    }
    let (another_key, _) = squares();
    let verdict = good.evidence(&z(1)).settle(&posted, &another_key);
    assert_eq!(verdict, Err(Inadmissible::Key));
    // On the device: the report at hand is not the one on the ledger.
    let other = ReportParts::from(&sealed(2));
    let refused = PATIENT.dispute(&other, &posted, &mut rng(1)).map(drop);
    assert_eq!(
        refused.unwrap_err(),
        DisputeRefused::Inadmissible(Inadmissible::Report)
    );
}

/// Under a certified modulus with squares some c have two roots. A doctor never makes one; who does is at fault, whichever root
/// the patient reveals.
#[test]
fn a_c_with_two_roots_is_the_doctors_fault_before_any_root_is_looked_at() {
    let (key, case) = squares();
    let mut header = good().header;
    header[102..134].copy_from_slice(key.digest().as_bytes());
    let bad = Parts {
        c: bytes(&case["c"]),
        header,
        ..good()
    };
    let posted = PostedReport {
        key: key.digest(),
        ..bad.posted()
    };
    for root in ["z", "z2"] {
        let verdict = bad.evidence(&bytes(&case[root])).settle(&posted, &key);
        assert_eq!(verdict, Ok(Verdict::DoesNotOpen(Defect::Encapsulation)));
    }
}

/// So a proof of having decrypted can be tied to the report on the ledger without header and ciphertext.
#[test]
fn c_and_two_digests_give_the_reports_digest_and_every_other_c_another() {
    let sealed = sealed(1);
    let parts = ReportParts::from(&sealed);
    let digests = parts.digests();
    assert_eq!(digests.with(sealed.encapsulation()), sealed.digest());
    assert_eq!(parts, ReportParts::from_bytes(&sealed.to_bytes()).unwrap());
    let mut c = sealed.encapsulation().to_vec();
    for at in 0..c.len() {
        c[at] ^= 1;
        assert_ne!(digests.with(&c), sealed.digest());
        c[at] ^= 1;
    }
    // A digest in another's place, and the other report's, do not do either.
    let swapped = PartDigests {
        header: digests.ciphertext,
        ciphertext: digests.header,
    };
    assert_ne!(swapped.with(&c), sealed.digest());
    assert_ne!(
        digests.with(super::sealed(2).encapsulation()),
        sealed.digest()
    );
}

#[test]
fn parts_of_anything_but_the_encoding_of_a_report_are_refused() {
    let encoded = sealed(1).to_bytes();
    for length in (0..encoded.len()).step_by(37) {
        let refused = ReportParts::from_bytes(&encoded[..length]).unwrap_err();
        assert_eq!(*refused.root(), DecodeError::Truncated);
    }
    let longer = [&encoded[..], &[0]].concat();
    let refused = ReportParts::from_bytes(&longer).unwrap_err();
    assert_eq!(refused, DecodeError::TrailingBytes(1));
    let mut huge = encoded;
    huge[166..170].fill(0xff);
    let refused = ReportParts::from_bytes(&huge).unwrap_err();
    assert!(matches!(*refused.root(), DecodeError::Limit { .. }));
}

#[test]
fn the_doctors_outer_signature_plays_no_part() {
    let bad = good().changed(|p| p.header[140] ^= 1);
    let mut unsigned = bad.encoded();
    let end = unsigned.len();
    unsigned[end - 64..].fill(0);
    let unsigned = ReportParts::from_bytes(&unsigned).unwrap();
    let (_, defect) = PATIENT
        .dispute(&unsigned, &bad.posted(), &mut rng(1))
        .unwrap();
    assert_eq!(defect, Defect::Commitment);
}

#[test]
fn malformed_evidence_is_refused_and_evidence_is_not_printed() {
    let evidence = good().evidence(&z(1));
    assert_eq!(format!("{evidence:?}"), "Evidence(REDACTED)");
    let encoded = evidence.expose_secret().to_vec();
    let refuse = |input: &[u8]| Evidence::from_bytes(input).unwrap_err();
    assert_eq!(refuse(&[]), DecodeError::Truncated.in_field("version"));
    let longer = [&encoded[..], &[0]].concat();
    assert_eq!(refuse(&longer), DecodeError::TrailingBytes(1));
    for length in (1..encoded.len()).step_by(41) {
        assert_eq!(*refuse(&encoded[..length]).root(), DecodeError::Truncated);
    }
    let mut other = encoded.clone();
    other[0] = 2;
    assert_eq!(
        refuse(&other),
        DecodeError::UnknownVersion(2).in_field("version")
    );
    let mut huge = encoded;
    huge[1..5].fill(0xff);
    assert!(matches!(
        *refuse(&huge).root(),
        DecodeError::Limit { limit: 1024, .. }
    ));
}
