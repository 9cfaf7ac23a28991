//! The calls that every service answers.

use consilium_contracts::{
    Canonical as _, Digest, Epoch, Height, SignedTransaction, TransactionHash,
};
use consilium_ledger::{Handovers, MAX_BLOCK_BYTES};

use crate::api::health::Health;
use crate::api::ledger::{
    BlockRange, BlockView, EpochList, EvidenceList, HospitalList, LedgerStatus, SubmitTransaction,
    TransactionReceipt, TransactionView,
};
use crate::api::validators::ValidatorList;
use crate::credentials::Credentials;
use crate::endpoint::Endpoint;
use crate::error::ClientError;
use crate::gateway_client::GatewayClient;
use crate::http::{ClientSettings, HttpClient};
use crate::kgc_client::KgcClient;
use crate::ledger_proof::{LedgerProof, Subject};
use crate::update_key::UpdateKeyDownload;

/// The most bytes of blocks in one answer: the largest block, and what a service adds to it.
const MAX_BLOCKS_BYTES: usize = MAX_BLOCK_BYTES + (8 << 20);

/// The typed client of what gateways and the KGC answer alike.
#[derive(Debug)]
pub struct LedgerClient {
    http: HttpClient,
}

impl LedgerClient {
    /// A client of the service at `endpoint`; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Setup`].
    pub fn new(
        endpoint: Endpoint,
        credentials: Option<Credentials>,
        settings: ClientSettings,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            http: HttpClient::new(endpoint, credentials, settings)?,
        })
    }

    /// `GET /v1/ledger/blocks?from=N&to=M`: some of these blocks with their certificates, as bytes for
    /// [`consilium_ledger::ExportEntries`].
    ///
    /// # Errors
    /// [`ClientError`]; `not-found` when the first is not committed or no longer kept.
    pub async fn blocks(&self, range: BlockRange) -> Result<Vec<u8>, ClientError> {
        let BlockRange { from, to } = range;
        let path = format!("/v1/ledger/blocks?from={from}&to={to}");
        self.http.get_bytes(&path, MAX_BLOCKS_BYTES).await
    }

    /// `GET /v1/ledger/evidence`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn evidence(&self) -> Result<EvidenceList, ClientError> {
        self.http.get("/v1/ledger/evidence").await
    }

    /// `GET /v1/ledger/handovers`: the changes of the validators since genesis, unverified.
    ///
    /// # Errors
    /// [`ClientError`]; `Protocol` when the answer is something else.
    pub async fn handovers(&self) -> Result<Handovers, ClientError> {
        let path = "/v1/ledger/handovers";
        let bytes = self.http.get_bytes(path, Handovers::MAX_BYTES).await?;
        let mut rest = bytes.as_slice();
        let handovers = Handovers::read(&mut rest);
        let handovers = handovers.map_err(|error| ClientError::Protocol(error.to_string()))?;
        match rest.is_empty() {
            true => Ok(handovers),
            false => Err(ClientError::Protocol("bytes follow the handovers".into())),
        }
    }
}

async fn fetch_proof(
    http: &HttpClient,
    subject: &Subject,
    query: &str,
) -> Result<LedgerProof, ClientError> {
    let path = format!("/v1/ledger/proofs/{}{query}", subject.path());
    let bytes = http.get_bytes(&path, LedgerProof::MAX_BYTES).await?;
    let proof = LedgerProof::from_bytes(&bytes);
    let proof = proof.map_err(|error| ClientError::Protocol(error.to_string()))?;
    match proof.subject().answers(subject) {
        true => Ok(proof),
        false => Err(ClientError::Protocol(format!(
            "the proof is of {}, not of {subject}",
            proof.subject()
        ))),
    }
}

macro_rules! ledger_calls {
    ($client:ty) => {
        impl $client {
            /// `GET /healthz`.
            ///
            /// # Errors
            /// [`ClientError`].
            pub async fn health(&self) -> Result<Health, ClientError> {
                self.http.get("/healthz").await
            }

            /// `GET /v1/hospitals`.
            ///
            /// # Errors
            /// [`ClientError`].
            pub async fn hospitals(&self) -> Result<HospitalList, ClientError> {
                self.http.get("/v1/hospitals").await
            }

            /// `GET /v1/validators`.
            ///
            /// # Errors
            /// [`ClientError`].
            pub async fn validators(&self) -> Result<ValidatorList, ClientError> {
                self.http.get("/v1/validators").await
            }

            /// `GET /v1/ledger/status`.
            ///
            /// # Errors
            /// [`ClientError`].
            pub async fn ledger_status(&self) -> Result<LedgerStatus, ClientError> {
                self.http.get("/v1/ledger/status").await
            }

            /// `GET /v1/ledger/blocks/{height}`.
            ///
            /// # Errors
            /// [`ClientError`].
            pub async fn block(&self, height: Height) -> Result<BlockView, ClientError> {
                self.http.get(&format!("/v1/ledger/blocks/{height}")).await
            }

            /// `GET /v1/ledger/transactions/{hash}`.
            ///
            /// # Errors
            /// [`ClientError`].
            pub async fn transaction(
                &self,
                hash: &TransactionHash,
            ) -> Result<TransactionView, ClientError> {
                self.http
                    .get(&format!("/v1/ledger/transactions/{hash}"))
                    .await
            }

            /// `GET /v1/ledger/proofs/...`: a proof, unverified.
            ///
            /// # Errors
            /// [`ClientError`]; `not-certified-yet` when it changed in the last block and the next one did not come; `Protocol` when
            /// the answer is no proof, or one of something else.
            pub async fn proof(&self, subject: &Subject) -> Result<LedgerProof, ClientError> {
                fetch_proof(&self.http, subject, "").await
            }

            /// As `proof`, of a record or a doctor's report as of this block or a later one: whoever knows since when it stands there
            /// need not wait for another block.
            ///
            /// # Errors
            /// [`ClientError`], as `proof`.
            pub async fn proof_as_of(
                &self,
                subject: &Subject,
                height: Height,
            ) -> Result<LedgerProof, ClientError> {
                fetch_proof(&self.http, subject, &format!("?as_of={height}")).await
            }

            /// `POST /v1/ledger/transactions`: a transaction that this device signed; resolves when it is committed.
            ///
            /// # Errors
            /// [`ClientError`]; `transaction-rejected` when the contracts refuse it.
            pub async fn submit(
                &self,
                transaction: &SignedTransaction,
            ) -> Result<TransactionReceipt, ClientError> {
                let transaction = transaction.to_canonical_bytes().into();
                self.http
                    .post(
                        "/v1/ledger/transactions",
                        &SubmitTransaction { transaction },
                    )
                    .await
            }

            /// `GET /v1/epochs`.
            ///
            /// # Errors
            /// [`ClientError`].
            pub async fn epochs(&self) -> Result<EpochList, ClientError> {
                self.http.get("/v1/epochs").await
            }

            /// `GET /v1/epochs/{epoch}/update-key` in pieces, of at most `max_bytes` together
            /// ([`consilium_schemes::abe::UpdateKey::max_bytes`]); checked against the digest that the ledger has.
            ///
            /// # Errors
            /// [`ClientError`].
            pub async fn update_key(
                &self,
                epoch: Epoch,
                digest: &Digest,
                max_bytes: u64,
            ) -> Result<UpdateKeyDownload<'_>, ClientError> {
                let path = format!("/v1/epochs/{epoch}/update-key");
                let pieces = self.http.pieces(&path, max_bytes).await?;
                Ok(UpdateKeyDownload::new(pieces, *digest))
            }

            /// The connection underneath.
            pub fn http(&self) -> &HttpClient {
                &self.http
            }
        }
    };
}

ledger_calls!(GatewayClient);
ledger_calls!(KgcClient);
ledger_calls!(LedgerClient);
