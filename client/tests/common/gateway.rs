//! A gateway that tells a doctor's device whatever a test wants, over plain HTTP on loopback.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use consilium_client::api::gateway::{OpenedRecord, ReportSubmission};
use consilium_client::api::ledger::{
    LedgerStatus, PoolStatus, SubmitTransaction, SyncState, TransactionReceipt,
};
use consilium_client::ledger_proof::{LedgerProof, Subject};
use consilium_client::wire::{HexBytes, Text};
use consilium_contracts::{Digest, FederationId};
use serde_json::{Value, json};

/// What it answers, and what it was asked.
pub struct Answers {
    /// To the opening of a case.
    pub open: OpenedRecord,
    /// The ciphertext that it gives out.
    pub cthd: Vec<u8>,
    /// Method and path of every call but the token's.
    pub calls: Vec<String>,
    /// The transactions that it was given.
    pub transactions: Vec<SubmitTransaction>,
    /// What it says that the transactions caused.
    pub events: Vec<HexBytes>,
    /// The reports that it was given.
    pub reports: Vec<ReportSubmission>,
    /// Whatever else it answers, by path: kind and body.
    pub others: BTreeMap<String, (&'static str, Vec<u8>)>,
}

/// The gateway; it answers until the test's process ends.
pub struct LyingGateway {
    url: String,
    answers: Arc<Mutex<Answers>>,
}

impl LyingGateway {
    pub fn start(federation: FederationId, open: OpenedRecord, cthd: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers = Arc::new(Mutex::new(Answers {
            open,
            cthd,
            calls: Vec::new(),
            transactions: Vec::new(),
            events: Vec::new(),
            reports: Vec::new(),
            others: BTreeMap::new(),
        }));
        let here = Arc::clone(&answers);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A device that hangs up in the middle is not this thread's trouble.
                let _ = serve(stream.unwrap(), &federation, &here);
            }
        });
        Self { url, answers }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap()
    }

    /// Has it hand out this proof of a record.
    pub fn prove(&self, proof: &LedgerProof) {
        let Subject::Record(record) = proof.subject() else {
            panic!("{}", proof.subject())
        };
        let path = format!("/v1/ledger/proofs/records/{record}");
        let body = ("application/octet-stream", proof.to_bytes());
        self.answers().others.insert(path, body);
    }

    /// The calls since the last question.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.answers().calls)
    }
}

fn serve(
    stream: TcpStream,
    federation: &FederationId,
    answers: &Mutex<Answers>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (call, body) = request(&mut reader)?;
    let mut answers = answers.lock().unwrap();
    let (_, target) = call.split_once(' ').unwrap();
    let path = target.split('?').next().unwrap();
    let other = answers.others.get(path).cloned();
    let (kind, answer) = match call.rsplit('/').next().unwrap() {
        _ if other.is_some() => other.unwrap(),
        "token" => json_answer(json!({
            "access_token": "t", "token_type": "bearer", "expires_in": 600, "scope": "doctor"
        })),
        "status" => json_answer(json!(status(federation))),
        "open" => json_answer(json!(answers.open)),
        "cthd" => ("application/octet-stream", answers.cthd.clone()),
        "reports" => {
            answers.reports.push(serde_json::from_slice(&body).unwrap());
            json_answer(json!(answers.open.access))
        }
        "transactions" => {
            let transaction = serde_json::from_slice(&body).unwrap();
            answers.transactions.push(transaction);
            let receipt = TransactionReceipt {
                events: answers.events.clone(),
                ..answers.open.access.clone()
            };
            json_answer(json!(receipt))
        }
        other => panic!("the device asks for {other}"),
    };
    if !call.ends_with("/token") {
        answers.calls.push(call);
    }
    drop(answers);
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        answer.len()
    );
    let mut stream = reader.into_inner();
    stream.write_all(head.as_bytes())?;
    stream.write_all(&answer)
}

/// Typed, so that a field that is missing shows when this is compiled.
fn status(federation: &FederationId) -> LedgerStatus {
    LedgerStatus {
        federation: Text(*federation),
        height: 7,
        hash: Text(Digest::from_bytes([0; 32])),
        state_root: vec![0; 32].into(),
        tip_time_ms: 0,
        tip_age_ms: 0,
        max_tip_age_ms: 60_000,
        heartbeat_ms: 10_000,
        validators: Vec::new(),
        votes_since: 1,
        peers: 0,
        pool: PoolStatus {
            transactions: 0,
            bytes: 0,
            max_transactions: 1,
            max_bytes: 1,
        },
        evidence: 0,
        sync: SyncState::Following,
        abstains: None,
        oldest_block: 1,
        snapshot: None,
        failure: None,
        challenges: Vec::new(),
        prefilter: None,
        keywords: 32,
    }
}

fn json_answer(value: Value) -> (&'static str, Vec<u8>) {
    ("application/json", value.to_string().into_bytes())
}

/// Method and path, and the body.
fn request(reader: &mut BufReader<TcpStream>) -> std::io::Result<(String, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let call = line.rsplit_once(' ').unwrap().0.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap();
            }
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((call, body))
}
