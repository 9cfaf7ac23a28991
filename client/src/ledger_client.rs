//! The calls that every service answers.

use consilium_contracts::{
    Canonical as _, Digest, Epoch, Height, SignedTransaction, TransactionHash,
};

use crate::api::health::Health;
use crate::api::ledger::{
    BlockView, EpochList, HospitalList, LedgerStatus, SubmitTransaction, TransactionReceipt,
    TransactionView,
};
use crate::api::validators::ValidatorList;
use crate::error::ClientError;
use crate::gateway_client::GatewayClient;
use crate::http::HttpClient;
use crate::kgc_client::KgcClient;

/// The largest update key that is read: 2^17 nodes of a G1 and a G2 point each, with room.
const MAX_UPDATE_KEY_BYTES: usize = 32 << 20;

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

            /// `GET /v1/epochs/{epoch}/update-key`, checked against the digest that the ledger has.
            ///
            /// # Errors
            /// [`ClientError`]; `Protocol` when the bytes are not those of the digest.
            pub async fn update_key(
                &self,
                epoch: Epoch,
                digest: &Digest,
            ) -> Result<Vec<u8>, ClientError> {
                let path = format!("/v1/epochs/{epoch}/update-key");
                let bytes = self.http.get_bytes(&path, MAX_UPDATE_KEY_BYTES).await?;
                match Digest::of(&bytes) == *digest {
                    true => Ok(bytes),
                    false => Err(ClientError::Protocol(
                        "the update key has another digest".into(),
                    )),
                }
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
