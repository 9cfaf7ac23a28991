//! Whether this node votes.

use arc_malachitebft_app_channel::app::types::core::HeightParams;
use tracing::info;

use super::{Core, Halt, Step};
use crate::engine::LedgerContext;
use crate::store::Recorded;

impl Core {
    /// Whether this node votes in the next height: it is a validator, and does not abstain.
    pub(super) fn votes(&self) -> bool {
        let voter = self.voter.as_ref();
        voter.is_some_and(|voter| {
            voter.abstention.is_none() && self.validators.get(&voter.address).is_some()
        })
    }

    /// Whether this node does not vote because the log of its votes is lost.
    pub(super) fn abstains(&self) -> bool {
        let voter = self.voter.as_ref();
        voter.is_some_and(|voter| voter.abstention.is_some())
    }

    /// Tells handles what [`Core::votes`] and [`Core::abstains`] say now.
    pub(super) fn tell_voting(&self) {
        let (votes, abstains) = (self.votes(), self.abstains());
        self.shared.change(|view| {
            view.votes = votes;
            view.abstains = abstains;
        });
    }

    /// Whether nobody else votes, so that nothing need be sent.
    pub(super) fn votes_alone(&self) -> bool {
        self.votes() && self.validators.as_slice().len() == 1
    }

    /// What the engine needs to know of the next height, which it is about to begin. Where this node votes in it, nothing says from now
    /// on that it never voted.
    pub(super) fn begin(&mut self) -> Result<HeightParams<LedgerContext>, Halt> {
        if self.votes()
            && let Some(voter) = &mut self.voter
        {
            voter.votes(self.shared.store.guard.dir())?;
        }
        Ok(self.params())
    }

    /// A validator that abstains has seen a block decided; one that was fetched afterwards, or while more are missing, tells nothing.
    pub(super) fn watch(&mut self, recorded: &Recorded) -> Step {
        let header = recorded.block.header();
        let (height, skew_ms) = (header.height, self.settings.max_clock_skew_ms);
        if self.fetched == Some(height) || self.shared.heard() > height {
            return Ok(());
        }
        let Some(voter) = &mut self.voter else {
            return Ok(());
        };
        if let Some(abstention) = &mut voter.abstention
            && abstention.watched(header.time, skew_ms)?
        {
            info!(%height, "this validator has watched long enough and votes from the next block on");
            voter.abstention = None;
            self.tell_voting();
        }
        Ok(())
    }
}
