//! A doctor's device, what an honest gateway would answer it, and what a ledger would prove.

#[path = "../../../ledger/tests/common/certified.rs"]
pub mod certified;
#[path = "../../../contracts/tests/common/mod.rs"]
#[allow(dead_code)]
pub mod fixture;
pub mod gateway;
pub mod standing;

use std::fs;
use std::path::{Path, PathBuf};

use consilium_client::api::gateway::OpenedRecord;
use consilium_client::api::ledger::TransactionReceipt;
use consilium_client::device::doctor::{
    DoctorKeys, OpenedCase, ReadRecord, RegisteredRecord, decrypt_record, finish_case,
};
use consilium_client::device::patient::{RecordChoices, RecordKeys, consent, seal_record};
use consilium_client::device::{DeviceError, Federation};
use consilium_client::wire::Text;
use consilium_contracts::{
    Canonical as _, Digest, PurposeOfUse, RecordId, RecordTerms, RegisterRecord, TransactionHash,
    VerifiedGenesis,
};
use consilium_schemes::abe::{self, Capsule, Epoch};
use consilium_schemes::envelope::{self, HeaderCore, HeaderFields};
use consilium_schemes::report::{PublicKey, SecretKey};
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

    /// What the gateway pre-decrypts for the doctor, with its proof.
    pub fn pre_decrypted(&mut self, capsule: &Capsule) -> (Vec<u8>, Vec<u8>) {
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
        let prek = abe::pre_keygen(&key, &update).unwrap();
        let doctor = self.user();
        let (semi, proof) =
            abe::pre_dec_proven(&prek, &capsule.prepare(), doctor, &mut self.rng).unwrap();
        (semi.to_bytes(), proof.to_bytes())
    }

    pub fn user(&self) -> abe::UserId {
        abe::UserId::from_bytes(*self.doctor.id(&self.federation).as_bytes())
    }

    /// An answer with this transform, signed by the doctor's hospital for the record, and for the capsule and the epoch that it names.
    pub fn signed(
        &self,
        record: [u8; 32],
        answer: OpenedRecord,
        semi: Vec<u8>,
        proof: Vec<u8>,
    ) -> OpenedRecord {
        let ctsym = *answer.ctsym_digest.0.as_bytes();
        let case = abe::Case {
            context: abe::RecordContext::new(*self.federation.id().as_bytes(), record),
            doctor: self.user(),
            pk: self.doctor.abe().public_key(),
            hospital: fixture::public("north"),
            ctsym: consilium_schemes::digest::Digest::from_bytes(ctsym),
            epoch: Epoch::new(answer.epoch),
            parameters: self.federation.parameters(),
        };
        let signed = abe::SignedTransform::sign(&case, semi, proof, &fixture::key("north"));
        OpenedRecord {
            semi_ciphertext: signed.semi().to_vec().into(),
            transform_proof: signed.proof().to_vec().into(),
            transform_signature: signed.signature().to_bytes().to_vec().into(),
            ..answer
        }
    }

    /// What an honest gateway answers for a capsule and a CTHD with this digest.
    pub fn answer(&mut self, capsule: &Capsule, cthd: Digest, length: u64) -> OpenedRecord {
        let (semi, proof) = self.pre_decrypted(capsule);
        let answer = OpenedRecord {
            semi_ciphertext: Vec::new().into(),
            transform_proof: Vec::new().into(),
            transform_signature: Vec::new().into(),
            epoch: EPOCH.number(),
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
        };
        self.signed(*capsule.header().context().record(), answer, semi, proof)
    }

    /// The answer with A and B exchanged, signed.
    pub fn swapped(&self, record: RecordId, honest: &OpenedRecord) -> OpenedRecord {
        let semi = honest.semi_ciphertext.as_bytes();
        let (frame, pair) = semi.split_at(6);
        let (a, b) = pair.split_at(pair.len() / 2);
        let proof = honest.transform_proof.as_bytes().to_vec();
        let semi = [frame, b, a].concat();
        self.signed(*record.as_bytes(), honest.clone(), semi, proof)
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

    /// A record of the hospital's own making under this id, with this key for the report: all that an honest gateway would answer,
    /// were it the registered one. Its ciphertext is in the file `name`.
    pub fn forged(&mut self, record: RecordId, key: &PublicKey, name: &str) -> OpenedRecord {
        let context = abe::RecordContext::new(*self.federation.id().as_bytes(), *record.as_bytes());
        let (policy, parameters) = ("icu".parse().unwrap(), self.federation.parameters());
        let (capsule, secret) = abe::encrypt(parameters, &policy, EPOCH, context, &mut self.rng);
        let fields = HeaderFields {
            record: *record.as_bytes(),
            epoch: EPOCH.number(),
            record_key: self.patient.signing().verifying_key(),
            report_key: key.to_bytes(),
        };
        let header = HeaderCore::new(fields, &mut self.rng).unwrap();
        let sym = secret.derive_sym_key(&header).unwrap();
        let mut cthd = Vec::new();
        let made = envelope::encrypt(&sym, &header, TEXT, &mut cthd).unwrap();
        fs::write(self.path(name), cthd).unwrap();
        let digest = Digest::from_bytes(made.digest.to_bytes());
        OpenedRecord {
            rsa_public_key: key.to_bytes().into(),
            ..self.answer(&capsule, digest, made.ciphertext_bytes)
        }
    }

    /// What a record was registered with of which an honest gateway answers this.
    pub fn terms(&self, record: RecordId, answer: &OpenedRecord) -> RecordTerms {
        RecordTerms {
            record,
            owner: fixture::hospital("north"),
            cthd: answer.cthd_digest.0,
            ctsym: answer.ctsym_digest.0,
            epoch: Epoch::new(answer.epoch),
            record_key: *answer.record_key.verifying_key(),
            rsa_key: Digest::of(answer.rsa_public_key.as_bytes()),
            consent: consent([], [PurposeOfUse::Treatment], fixture::time(1)).unwrap(),
        }
    }

    /// Finishes a case whose record was registered with what the gateway names.
    pub fn finish(
        &self,
        record: RecordId,
        answer: OpenedRecord,
    ) -> Result<OpenedCase, DeviceError> {
        self.finish_as(&self.terms(record, &answer), answer)
    }

    /// Finishes a case whose record was registered with these terms, whatever the gateway names.
    pub fn finish_as(
        &self,
        terms: &RecordTerms,
        answer: OpenedRecord,
    ) -> Result<OpenedCase, DeviceError> {
        let doctor = self.doctor.id(&self.federation);
        let proof = standing::record_proof(&self.genesis, terms, doctor);
        let registered = RegisteredRecord::from_proof(&self.federation, terms.record, &proof);
        let mut rng = StdRng::seed_from_u64(2);
        let hospital = fixture::public("north");
        finish_case(
            &self.federation,
            &self.doctor,
            &hospital,
            &registered.unwrap(),
            answer,
            &mut rng,
        )
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
