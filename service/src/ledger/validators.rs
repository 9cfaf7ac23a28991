//! `GET /v1/validators`.

use actix_web::web;
use consilium_client::api::validators::{
    ScheduledValidatorsView, ValidatorList, ValidatorProposalView, ValidatorView,
};
use consilium_client::wire::Text;
use consilium_contracts::{ProposalEntry, Validators, View, rekey_refusal};
use consilium_node::Snapshot;

use super::LedgerApi;

/// Who votes, who will, and what is proposed.
#[utoipa::path(get, path = "/v1/validators", tag = "ledger",
    responses((status = 200, body = ValidatorList)))]
pub(crate) async fn validators(api: web::Data<LedgerApi>) -> web::Json<ValidatorList> {
    web::Json(validator_list(&api.node.state()))
}

fn validator_list(state: &Snapshot) -> ValidatorList {
    let view = View::new(state);
    let schedule = view.validator_schedule();
    ValidatorList {
        height: state.height().value(),
        validators: views(&schedule.current, state),
        next: schedule.next.map(|next| ScheduledValidatorsView {
            from: next.from.value(),
            validators: views(&next.validators, state),
        }),
        proposal: view
            .validator_proposal()
            .map(|proposal| proposal_view(proposal, state)),
    }
}

fn views(validators: &Validators, state: &Snapshot) -> Vec<ValidatorView> {
    let refusal = |hospital| rekey_refusal(&View::new(state), hospital, state.time());
    let views = validators.iter().map(|one| ValidatorView {
        hospital: Text(one.hospital.clone()),
        key: one.key.into(),
        keeps_key: refusal(&one.hospital).map(|refusal| refusal.to_string()),
    });
    views.collect()
}

fn proposal_view(proposal: ProposalEntry, state: &Snapshot) -> ValidatorProposalView {
    ValidatorProposalView {
        proposed: proposal.proposed.value(),
        expires_ms: proposal.expires.value(),
        expired: proposal.expires <= state.time(),
        approvals: proposal.approvals.iter().cloned().map(Text).collect(),
        change: proposal.change.into(),
    }
}
