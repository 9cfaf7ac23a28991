//! A doctor's device and what an honest gateway would answer it, without a ledger.

#[path = "../../../contracts/tests/common/mod.rs"]
#[allow(dead_code)]
pub mod fixture;
pub mod gateway;

use std::fs;
use std::path::{Path, PathBuf};

use consilium_client::api::gateway::OpenedRecord;
use consilium_client::api::ledger::TransactionReceipt;
use consilium_client::device::doctor::{
    DoctorKeys, OpenedCase, ReadRecord, decrypt_record, finish_case,
};
use consilium_client::device::patient::{RecordChoices, RecordKeys, consent, seal_record};
use consilium_client::device::{DeviceError, Federation};
use consilium_client::wire::Text;
use consilium_contracts::{
    Canonical as _, Digest, PurposeOfUse, RecordId, RegisterRecord, TransactionHash,
    VerifiedGenesis,
};
use consilium_schemes::abe::{self, Capsule, Epoch};
use consilium_schemes::report::SecretKey;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

pub const EPOCH: Epoch = Epoch::new(3);
pub const TEXT: &[u8] = b"a record";

/// A federation of which only the doctor's and the patient's keys matter, and what its gateway would say.
pub struct World {
    pub rng: StdRng,
    pub genesis: VerifiedGenesis,
    pub federation: Federation,
    pub master: abe::MasterSecret,
    pub doctor: DoctorKeys,
    pub patient: RecordKeys,
    pub folder: tempfile::TempDir,
}

/// The RSA key of the schemes' vectors: making one takes seconds.
fn report_key(rng: &mut StdRng) -> SecretKey {
    let vectors = include_str!("../../../schemes/tests/vectors/report_v2.json");
    let cases: serde_json::Value = serde_json::from_str(vectors).unwrap();
    let document = hex::decode(cases[0]["pkcs8"].as_str().unwrap()).unwrap();
    SecretKey::from_pkcs8_der(&document, rng).unwrap()
}

impl World {
    pub fn new() -> Self {
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
            genesis,
            master,
            doctor: DoctorKeys::generate(&mut rng),
            patient: RecordKeys::new(fixture::key("patient"), report_key(&mut rng)),
            folder: tempfile::tempdir().unwrap(),
            rng,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the gateway pre-decrypts for the doctor.
    pub fn pre_decrypted(&mut self, capsule: &Capsule) -> Vec<u8> {
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
    pub fn answer(&mut self, capsule: &Capsule, cthd: Digest, length: u64) -> OpenedRecord {
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
    pub fn sealed(&mut self, name: &str) -> (RecordId, OpenedRecord) {
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

    pub fn finish(
        &self,
        record: RecordId,
        answer: OpenedRecord,
    ) -> Result<OpenedCase, DeviceError> {
        finish_case(&self.federation, &self.doctor, record, answer)
    }

    pub fn decrypt(
        &self,
        case: &OpenedCase,
        cthd: &Path,
        out: &Path,
    ) -> Result<ReadRecord, DeviceError> {
        decrypt_record(case, fs::File::open(cthd).unwrap(), out)
    }
}
