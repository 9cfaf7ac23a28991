//! What a patient's proof or evidence about a report shows, given what stands on the ledger.
//!
//! | from the transaction | from the state |
//! |---|---|
//! | RSA key with certificate | its digest, in the record's terms |
//! | c, digests of header and ciphertext; or z, c, header, ciphertext | the report's digest |
//! | the proof of having decrypted, or z | federation, record, the doctor's signing key |
//!
//! Checked in the order of cost: hashes before the key's certificate, that before the proof or the opening.

use consilium_schemes::report::{
    DecryptionProof, DecryptionStatement, Evidence, Inadmissible, PostedReport, PublicKey,
    ReportContext,
};
use consilium_schemes::signature::VerifyingKey;

use crate::action::Action;
use crate::ids::{Digest, FederationId, RecordId};
use crate::patient::{Decrypted, Dispute, ReportKeyBytes, Settlement};
use crate::proof::{Carried, Shown};
use crate::rejection::Rejection;
use crate::state::{Principal, RecordStatus, StateRead, View};
use crate::transaction::VerifiedTransaction;

/// What a patient's transaction is about, as the state has it.
pub(crate) struct ReportClaim<'a> {
    federation: FederationId,
    sender: &'a VerifyingKey,
    shows: Shows<'a>,
    record: RecordId,
    /// The digest of the record's RSA key.
    key: Digest,
    /// The digest of the report that waits for the patient.
    report: Digest,
    /// Who posted it.
    doctor: VerifyingKey,
}

enum Shows<'a> {
    Decrypted(&'a Decrypted, &'a DecryptionProof),
    DoesNotOpen(&'a Dispute),
}

impl Shows<'_> {
    const fn record(&self) -> RecordId {
        match self {
            Self::Decrypted(decrypted, _) => decrypted.record,
            Self::DoesNotOpen(dispute) => dispute.record,
        }
    }
}

impl<'a> ReportClaim<'a> {
    /// None for an action that shows nothing about a report.
    pub(crate) fn of<S: StateRead>(
        view: &View<S>,
        tx: &'a VerifiedTransaction,
    ) -> Result<Option<Self>, Rejection> {
        let transaction = tx.transaction();
        let shows = match (&transaction.action, tx.carried()) {
            (Action::Acknowledge(decrypted), Carried::Decryption(proof)) => {
                Shows::Decrypted(decrypted, proof)
            }
            (Action::Complain(complain), Carried::Decryption(proof)) => {
                Shows::Decrypted(&complain.decrypted, proof)
            }
            (Action::Dispute(dispute), _) => Shows::DoesNotOpen(dispute),
            _ => return Ok(None),
        };
        let record = shows.record();
        let entry = view.record(&record);
        let entry = entry.ok_or(Rejection::UnknownRecord { record })?;
        let no_report = Rejection::NoReport { record };
        let RecordStatus::Reported { doctor } = entry.status else {
            return Err(no_report);
        };
        let posted = view.report(&record, &doctor).ok_or(no_report)?;
        let doctor = view
            .doctor(&doctor)
            .ok_or(Rejection::UnknownDoctor { doctor })?;
        if let (Shows::DoesNotOpen(_), Some(_)) = (&shows, &posted.dispute) {
            return Err(Rejection::AlreadyDisputed { record });
        }
        Ok(Some(Self {
            federation: transaction.federation,
            sender: &transaction.sender,
            shows,
            record,
            key: entry.terms.rsa_key,
            report: posted.digest,
            doctor: doctor.signing_key,
        }))
    }

    pub(crate) fn is_the_senders<S: StateRead>(&self, view: &View<S>) -> bool {
        view.principal(self.sender) == Some(Principal::Record(self.record))
    }

    /// Of everything in the state that the outcome depends on.
    pub(crate) fn digest(&self) -> Digest {
        let parts = [
            *self.key.as_bytes(),
            *self.report.as_bytes(),
            *self.doctor.as_bytes(),
        ];
        Digest::of(parts.as_flattened())
    }

    /// Its claim for a proof that holds, the settlement for a dispute.
    pub(crate) fn verify(&self) -> Result<Shown, Rejection> {
        match self.shows {
            Shows::Decrypted(decrypted, proof) => {
                self.proves(decrypted, proof).map(|()| Shown::Claim)
            }
            Shows::DoesNotOpen(dispute) => self.settle(dispute).map(Shown::Settled),
        }
    }

    fn proves(&self, decrypted: &Decrypted, proof: &DecryptionProof) -> Result<(), Rejection> {
        let digest = decrypted.digest();
        if digest != self.report {
            return Err(self.other_report(digest));
        }
        let key = self.key(&decrypted.key)?;
        let statement = DecryptionStatement {
            context: &self.context(),
            report: &digest.into(),
            key: &key,
            c: decrypted.c.as_bytes(),
        };
        let record = self.record;
        let verified = proof.verify(&statement);
        verified.map_err(|_| Rejection::DecryptionNotProven { record })
    }

    fn settle(&self, dispute: &Dispute) -> Result<Settlement, Rejection> {
        let evidence = Evidence::from_bytes(dispute.evidence.as_bytes());
        let evidence = evidence.map_err(|_| Rejection::BadEvidence)?;
        let key = self.key(&dispute.key)?;
        let posted = PostedReport {
            context: self.context(),
            doctor: self.doctor,
            key: self.key.into(),
            digest: self.report.into(),
        };
        let verdict = evidence.settle(&posted, &key);
        verdict.map(Settlement::from).map_err(|inadmissible| {
            let record = self.record;
            match inadmissible {
                Inadmissible::Report => self.other_report(evidence.parts().digest().into()),
                Inadmissible::Key => self.other_key(key.digest().into()),
                Inadmissible::Opening => Rejection::WrongOpening { record },
            }
        })
    }

    /// The record's RSA key: by its digest first, then its certificate.
    fn key(&self, bytes: &ReportKeyBytes) -> Result<PublicKey, Rejection> {
        let given = Digest::of(bytes.as_bytes());
        if given != self.key {
            return Err(self.other_key(given));
        }
        let record = self.record;
        PublicKey::from_bytes(bytes.as_bytes()).map_err(|_| Rejection::BadReportKey { record })
    }

    fn context(&self) -> ReportContext {
        ReportContext {
            federation: *self.federation.as_bytes(),
            record: *self.record.as_bytes(),
        }
    }

    const fn other_report(&self, given: Digest) -> Rejection {
        Rejection::WrongReport {
            record: self.record,
            posted: self.report,
            given,
        }
    }

    const fn other_key(&self, given: Digest) -> Rejection {
        Rejection::WrongReportKey {
            record: self.record,
            registered: self.key,
            given,
        }
    }
}
