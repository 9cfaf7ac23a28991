//! Postings and matches with real proofs, each made once for all tests.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use consilium_contracts::*;
use consilium_schemes::match_proof::{self, MatchContext, Statement};
use consilium_schemes::matching::posting::{PostingContext, post_trapdoor};
use consilium_schemes::matching::{
    self, EncryptedIndex, EncryptedTrapdoor, HospitalKeys, HospitalSecretKeys, Index, IndexSize,
};
use consilium_schemes::tokens::KeywordToken;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{World, bytes, digest, hospital, made, public, record_id, reports, terms};

pub static N: LazyLock<IndexSize> = LazyLock::new(|| IndexSize::new(4).unwrap());

/// What was made under this name before, or is made now.
pub fn once<const MAX: usize>(name: &str, make: impl FnOnce() -> Vec<u8>) -> Blob<MAX> {
    static KEPT: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());
    if let Some(kept) = KEPT.lock().unwrap().get(name) {
        return bytes(kept);
    }
    let made = make();
    KEPT.lock().unwrap().insert(name.to_owned(), made.clone());
    bytes(&made)
}

pub fn rng(name: &str) -> StdRng {
    StdRng::from_seed(*digest(name).as_bytes())
}

/// Keyword number `number`.
pub fn token(number: u8) -> KeywordToken {
    KeywordToken::from_bytes(&[number; 32]).unwrap()
}

pub fn secret(hospital: &HospitalId) -> &'static HospitalSecretKeys {
    &made().matching[hospital.as_str()]
}

pub fn public_keys(hospital: &HospitalId) -> HospitalKeys {
    secret(hospital).public_keys()
}

/// An index of these keywords.
pub fn plain_index(keywords: &[u8]) -> Index {
    let tokens: Vec<_> = keywords.iter().map(|number| token(*number)).collect();
    matching::index_build(*N, &tokens, &mut rng(&format!("index {keywords:?}"))).unwrap()
}

/// An index of the keywords 1 to 3, posted in this context.
pub fn posted_index(to: &HospitalId, context: &PostingContext<'_>) -> IndexBytes {
    posted_index_of(&[1, 2, 3], to, context)
}

pub fn posted_index_of(
    keywords: &[u8],
    to: &HospitalId,
    context: &PostingContext<'_>,
) -> IndexBytes {
    let name = format!("posted index {keywords:?} {to} {context:?}");
    once(&name, || {
        let posted = plain_index(keywords).post(&public_keys(to), context, &mut rng(&name));
        posted.to_bytes()
    })
}

/// A trapdoor of the interests 1 to `interests`, or above 100 of that one alone, posted in this context.
pub fn posted_trapdoor(
    interests: u8,
    to: &HospitalId,
    context: &PostingContext<'_>,
) -> TrapdoorBytes {
    let interested = if interests > 100 {
        interests..=interests
    } else {
        1..=interests
    };
    let tokens: Vec<_> = interested.map(token).collect();
    let name = format!("posted trapdoor {interests} {to} {context:?}");
    let make = || post_trapdoor(*N, &tokens, &public_keys(to), context, &mut rng(&name));
    once(&name, || make().unwrap().to_bytes())
}

/// What is true of index and trapdoor, proven in this context with the keys of `at`.
pub fn proof(
    index: &IndexBytes,
    trapdoor: &TrapdoorBytes,
    at: &HospitalId,
    context: &MatchContext<'_>,
) -> ProofBytes {
    let of = [index.as_bytes(), trapdoor.as_bytes()].concat();
    let name = format!("match {} {at} {context:?}", Digest::of(&of));
    once(&name, || {
        let statement = Statement {
            index: &EncryptedIndex::from_bytes(index.as_bytes(), *N).unwrap(),
            trapdoor: &EncryptedTrapdoor::from_bytes(trapdoor.as_bytes(), *N).unwrap(),
            keys: &public_keys(at),
            context,
        };
        let proof = match_proof::prove(&statement, secret(at), &mut rng(&name)).unwrap();
        proof.to_bytes()
    })
}

/// The action with the proofs that it lacks, made honestly by its sender for what the state says now. Where the state lacks what a
/// proof is about, a well-formed one about something else. With a filter where the setting is on: nobody here looks into it.
pub fn completed(world: &World, sender: &str, expires: Height, action: Action) -> Action {
    let mut action = with_proofs(world, sender, expires, action);
    if let Action::PostIndex(PostIndex { filter, .. })
    | Action::PostTrapdoor(PostTrapdoor { filter, .. }) = &mut action
        && let Some(setting) = world.view().settings().prefilter
        && filter.is_none()
    {
        *filter = Some(bytes(&vec![7; setting.sealed_length()]));
    }
    action
}

fn with_proofs(world: &World, sender: &str, expires: Height, action: Action) -> Action {
    let (federation, view) = (&world.federation, world.view());
    match action {
        Action::PostIndex(action) if action.index.as_bytes().is_empty() => {
            let known = view.record(&action.record).map(|entry| entry.terms);
            let terms = known.unwrap_or_else(|| terms(1, "north", &[]));
            let context = index_context(federation, &terms, &action.to, expires);
            let index = posted_index(&action.to, &context);
            Action::PostIndex(PostIndex { index, ..action })
        }
        Action::PostTrapdoor(action) if action.trapdoor.as_bytes().len() == 1 => {
            let doctor = DoctorId::derive(federation, &public(sender));
            let context = trapdoor_context(federation, &doctor, &action.hospital, expires);
            let interests = action.trapdoor.as_bytes()[0];
            let trapdoor = posted_trapdoor(interests, &action.hospital, &context);
            Action::PostTrapdoor(PostTrapdoor { trapdoor, ..action })
        }
        Action::PostMatch(action) if action.proof.as_bytes().is_empty() => {
            let proof = prove(world, &action, expires).unwrap_or_else(|| unrelated(federation));
            Action::PostMatch(PostMatch { proof, ..action })
        }
        Action::AnswerChallenge(action) if action.proof.as_bytes().is_empty() => {
            let proof = answer(world, &action, expires).unwrap_or_else(|| unrelated(federation));
            Action::AnswerChallenge(AnswerChallenge { proof, ..action })
        }
        Action::Report(action) if action.digest == digest("report") => {
            let sealed = reports::sealed(federation, &action.record, sender);
            let digest = sealed.digest().into();
            Action::Report(Report { digest, ..action })
        }
        Action::Report(action) if action.digest == digest("broken report") => {
            let broken = reports::broken(federation, &action.record, sender);
            let digest = broken.digest().into();
            Action::Report(Report { digest, ..action })
        }
        Action::Acknowledge(action) => Action::Acknowledge(Box::new(shown(world, *action))),
        Action::Complain(action) => {
            let Complain { decrypted, reason } = *action;
            let decrypted = shown(world, decrypted);
            Action::Complain(Box::new(Complain { decrypted, reason }))
        }
        Action::Dispute(mut action) if action.evidence.as_bytes().is_empty() => {
            action.evidence = reports::revealed(world, &action.record);
            Action::Dispute(action)
        }
        other => other,
    }
}

/// What is true of the index and the trapdoor of an open challenge.
pub fn answer(world: &World, action: &AnswerChallenge, expires: Height) -> Option<ProofBytes> {
    let (view, doctor) = (world.view(), &action.doctor);
    let at = view.doctor(doctor)?.hospital;
    let terms = view.record(&action.record)?.terms;
    let open = view.open_challenge(&at, &action.record, doctor)?;
    let context = answer_context(&world.federation, &terms, doctor, &at, expires);
    Some(proof(&open.index, &open.trapdoor, &at, &context))
}

/// What the patient shows of the report that waits, where nothing is shown yet.
fn shown(world: &World, decrypted: Decrypted) -> Decrypted {
    match decrypted.proof.as_bytes() {
        [] => {
            let doctor = reports::waiting(world, &decrypted.record);
            reports::decrypted(&world.federation, &decrypted.record, doctor)
        }
        _ => decrypted,
    }
}

/// For the index and the trapdoor in the state.
pub fn prove(world: &World, action: &PostMatch, expires: Height) -> Option<ProofBytes> {
    let view = world.view();
    let at = view.doctor(&action.doctor)?.hospital;
    let entry = view.record(&action.record)?;
    let index = view.index(&action.record, &at)?;
    let trapdoor = view.trapdoor(&at, &action.doctor)?;
    let context = match_context(
        &world.federation,
        &entry.terms,
        &action.doctor,
        &at,
        action.authorization,
        expires,
    );
    Some(proof(&index.index, &trapdoor.trapdoor, &at, &context))
}

/// A well-formed proof that is not about anything on the ledger.
pub fn unrelated(federation: &FederationId) -> ProofBytes {
    let at = hospital("north");
    let doctor = DoctorId::from_bytes(*record_id(9).as_bytes());
    let terms = terms(9, "north", &[]);
    let context = match_context(federation, &terms, &doctor, &at, None, Height::new(0));
    let interests = [token(1)];
    let (trapdoor, _) = matching::trd_gen(*N, &interests, &mut rng("trapdoor")).unwrap();
    let trapdoor = trapdoor.encrypt(&public_keys(&at), &mut rng("d"));
    let index = plain_index(&[1]).encrypt(&public_keys(&at), &mut rng("u"));
    let (index, trapdoor) = (bytes(&index.to_bytes()), bytes(&trapdoor.to_bytes()));
    proof(&index, &trapdoor, &at, &context)
}
