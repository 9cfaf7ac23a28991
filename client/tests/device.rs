//! The doctor's device against a gateway that lies: what it checks before anything is decrypted or written.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[path = "../../contracts/tests/common/mod.rs"]
#[allow(dead_code)]
mod fixture;

use std::fs;
use std::path::Path;

use consilium_client::api::gateway::OpenedRecord;
use consilium_client::api::ledger::TransactionReceipt;
use consilium_client::device::doctor::{DoctorKeys, OpenedCase, decrypt_record, finish_case};
use consilium_client::device::patient::{RecordChoices, RecordKeys, consent, seal_record};
use consilium_client::device::{DeviceError, Federation};
use consilium_client::wire::Text;
use consilium_contracts::{
    Canonical as _, Digest, PurposeOfUse, RecordId, RegisterRecord, TransactionHash,
};
use consilium_schemes::abe::{self, Capsule, Epoch, HeaderMismatch, RecordContext};
use consilium_schemes::envelope::{self, HeaderCore, HeaderFields};
use consilium_schemes::report::SecretKey;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

const EPOCH: Epoch = Epoch::new(3);
const TEXT: &[u8] = b"a record";

struct World {
    rng: StdRng,
    federation: Federation,
    master: abe::MasterSecret,
    doctor: DoctorKeys,
    patient: RecordKeys,
    folder: tempfile::TempDir,
}

/// The RSA key of the schemes' vectors: making one takes seconds.
fn report_key(rng: &mut StdRng) -> SecretKey {
    let vectors = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../schemes/tests/vectors/report.json"
    );
    let cases: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(vectors).unwrap()).unwrap();
    let document = hex::decode(cases[0]["pkcs8"].as_str().unwrap()).unwrap();
    SecretKey::from_pkcs8_der(&document, rng).unwrap()
}

impl World {
    fn new() -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let tree = abe::Tree::new(
            abe::TreeId::from_bytes([3; 32]),
            abe::Depth::new(4).unwrap(),
        );
        let (parameters, master) = abe::setup(tree, &mut rng);
        let mut genesis = fixture::genesis();
        genesis.parameters = parameters.to_bytes().try_into().unwrap();
        let genesis = genesis.sign(&fixture::key("kgc")).verify().unwrap();
        Self {
            federation: Federation::from_genesis(&genesis).unwrap(),
            master,
            doctor: DoctorKeys::generate(&mut rng),
            patient: RecordKeys::new(fixture::key("patient"), report_key(&mut rng)),
            folder: tempfile::tempdir().unwrap(),
            rng,
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// What the gateway pre-decrypts for the doctor.
    fn pre_decrypted(&mut self, capsule: &Capsule) -> Vec<u8> {
        let tree = *self.master.tree();
        let user = abe::UserId::from_bytes([9; 32]);
        let registration = abe::Registration::new([0; 32], user, [0; 32]);
        let secret = self.doctor.abe();
        let proof = secret.prove_possession(&registration, &mut self.rng);
        let pk = secret.public_key().verify(&proof, &registration).unwrap();
        let leaf = abe::Leaf::new(0, tree.depth()).unwrap();
        let grant = abe::LeafGrant::from_committed(leaf, user);
        let set = "icu".parse().unwrap();
        let key = abe::att_keygen(&self.master, grant, &pk, &set, &mut self.rng).unwrap();
        let ticket = abe::EpochTicket::after(None, EPOCH).unwrap();
        let revoked = abe::RevocationList::new(tree.depth());
        let update = abe::upd_keygen(&self.master, ticket, &revoked, &mut self.rng).unwrap();
        let semi = abe::pre_dec(&abe::pre_keygen(&key, &update).unwrap(), capsule).unwrap();
        semi.to_bytes()
    }

    /// What an honest gateway answers for a capsule and a CTHD with this digest.
    fn answer(&mut self, capsule: &Capsule, cthd: Digest, length: u64) -> OpenedRecord {
        OpenedRecord {
            semi_ciphertext: self.pre_decrypted(capsule).into(),
            ctsym: capsule.to_bytes().into(),
            ctsym_digest: Text(Digest::of(&capsule.to_bytes())),
            cthd_digest: Text(cthd),
            cthd_length: length,
            record_key: self.patient.signing().verifying_key().into(),
            rsa_public_key: self.patient.report().public_key().to_bytes().into(),
            access: TransactionReceipt {
                hash: Text(TransactionHash::from_bytes([0; 32])),
                height: 1,
                index: 0,
                events: Vec::new(),
            },
        }
    }

    /// A record as the patient's device seals it, with the honest answer.
    fn sealed(&mut self, name: &str) -> (RecordId, OpenedRecord) {
        let choices = RecordChoices {
            owner: &fixture::hospital("north"),
            policy: &"icu".parse().unwrap(),
            consent: consent([], [PurposeOfUse::Treatment], fixture::time(1)).unwrap(),
            tokens: &[],
        };
        let cthd = self.path(name);
        let (federation, keys) = (&self.federation, &self.patient);
        let sealed =
            seal_record(federation, keys, EPOCH, choices, TEXT, &cthd, &mut self.rng).unwrap();
        let submission = sealed.submission();
        let capsule = Capsule::from_bytes(submission.ctsym.as_bytes()).unwrap();
        let registered =
            RegisterRecord::from_canonical_bytes(submission.registration.as_bytes()).unwrap();
        let length = submission.cthd_length;
        let answer = self.answer(&capsule, registered.terms.cthd, length);
        (sealed.record(), answer)
    }

    fn finish(&self, record: RecordId, answer: OpenedRecord) -> Result<OpenedCase, DeviceError> {
        finish_case(&self.federation, &self.doctor, record, answer)
    }

    fn decrypt(&self, case: &OpenedCase, cthd: &Path, out: &Path) -> Result<u64, DeviceError> {
        decrypt_record(case, fs::File::open(cthd).unwrap(), out)
    }
}

fn untrusted(error: DeviceError) -> &'static str {
    match error {
        DeviceError::Untrusted(what) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_record_opens_into_a_new_private_file_or_not_at_all() {
    let mut w = World::new();
    let (record, answer) = w.sealed("cthd");
    let case = w.finish(record, answer).unwrap();
    let (cthd, out) = (w.path("cthd"), w.path("record"));
    assert_eq!(w.decrypt(&case, &cthd, &out).unwrap(), TEXT.len() as u64);
    assert_eq!(fs::read(&out).unwrap(), TEXT);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            fs::metadata(&out).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    // What is there already is neither replaced nor the reason for plaintext to stay beside it.
    fs::write(&out, b"mine").unwrap();
    let folder = w.path("folder");
    fs::create_dir(&folder).unwrap();
    for taken in [&out, &folder] {
        let refused = w.decrypt(&case, &cthd, taken).unwrap_err();
        assert!(matches!(refused, DeviceError::File(_)), "{refused:?}");
        assert!(!taken.with_added_extension("partial").exists());
    }
    assert_eq!(fs::read(&out).unwrap(), b"mine");
}

#[test]
fn another_record_federation_or_key_than_the_gateway_names_is_refused() {
    let mut w = World::new();
    let (record, answer) = w.sealed("cthd");
    let (other, theirs) = w.sealed("other");
    assert_eq!(
        untrusted(w.finish(other, answer.clone()).err().unwrap()),
        "the capsule belongs to another record"
    );
    let foreign = RecordContext::new([8; 32], *record.as_bytes());
    let policy = "icu".parse().unwrap();
    let parameters = w.federation.parameters().clone();
    let (capsule, _) = abe::encrypt(&parameters, &policy, EPOCH, foreign, &mut w.rng);
    let elsewhere = w.answer(&capsule, Digest::of(b""), 0);
    assert_eq!(
        untrusted(w.finish(record, elsewhere).err().unwrap()),
        "the capsule belongs to another record"
    );

    // The CTHD of another record, and one whose digest is not the one named.
    let case = w.finish(record, answer.clone()).unwrap();
    let out = w.path("record");
    let refused = w.decrypt(&case, &w.path("other"), &out).unwrap_err();
    let expected = HeaderMismatch::Record;
    assert!(matches!(refused, DeviceError::Header(found) if found == expected));
    let mut misnamed = answer.clone();
    misnamed.cthd_digest = theirs.cthd_digest;
    let case = w.finish(record, misnamed).unwrap();
    assert_eq!(
        untrusted(w.decrypt(&case, &w.path("cthd"), &out).unwrap_err()),
        "the encrypted record has another digest than the gateway named"
    );

    let mut stolen = answer;
    stolen.record_key = fixture::public("thief").into();
    let case = w.finish(record, stolen).unwrap();
    assert_eq!(
        untrusted(w.decrypt(&case, &w.path("cthd"), &out).unwrap_err()),
        "the record key is not the one in the record's header"
    );
    assert!(!out.exists() && !out.with_added_extension("partial").exists());
}

/// The encryptor knows sigma and could put anything into the header, an epoch that never was included.
#[test]
fn a_header_of_another_epoch_than_the_capsules_is_refused_before_a_key_is_derived() {
    let mut w = World::new();
    let record = RecordId::from_bytes([5; 32]);
    let context = RecordContext::new(*w.federation.id().as_bytes(), *record.as_bytes());
    let policy = "icu".parse().unwrap();
    let parameters = w.federation.parameters().clone();
    let (capsule, _) = abe::encrypt(&parameters, &policy, EPOCH, context, &mut w.rng);
    let later = Epoch::new(EPOCH.number() + 1);
    let fields = HeaderFields {
        record: *record.as_bytes(),
        epoch: later.number(),
        record_key: w.patient.signing().verifying_key(),
        report_key: w.patient.report().public_key().to_bytes(),
    };
    let header = HeaderCore::new(fields, &mut w.rng).unwrap();
    let any = envelope::SymKey::new([7; 32].into());
    let mut cthd = Vec::new();
    let made = envelope::encrypt(&any, &header, TEXT, &mut cthd).unwrap();
    let named = Digest::from_bytes(made.digest.to_bytes());
    let answer = w.answer(&capsule, named, made.ciphertext_bytes);
    let case = w.finish(record, answer).unwrap();
    let refused = decrypt_record(&case, &cthd[..], &w.path("record")).unwrap_err();
    let expected = HeaderMismatch::Epoch {
        capsule: EPOCH,
        header: later,
    };
    assert!(
        matches!(refused, DeviceError::Header(found) if found == expected),
        "{refused:?}"
    );
    assert!(!w.path("record").exists());
}
