//! How much of each publisher may be on its way to the verifier of transactions.

use std::collections::HashMap;
use std::sync::Arc;

use arc_malachitebft_app_channel::app::types::PeerId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Messages with transactions of one publisher that are under way at once; more are dropped, and honest senders send again.
const MESSAGES: usize = 4;

/// Transactions of another node, to be verified.
pub(crate) struct Unverified {
    pub(crate) transactions: Vec<Vec<u8>>,
    /// Its publisher may send more once this is dropped.
    pub(crate) place: OwnedSemaphorePermit,
}

/// A gate for each node that the state names, and one for all others: none can keep another's transactions out.
pub(super) struct Gates {
    named: HashMap<PeerId, Arc<Semaphore>>,
    others: Arc<Semaphore>,
}

fn gate() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MESSAGES))
}

impl Gates {
    /// Gates of these publishers.
    pub(super) fn new(named: impl IntoIterator<Item = PeerId>) -> Self {
        let mut gates = Self {
            named: HashMap::new(),
            others: gate(),
        };
        gates.add(named);
        gates
    }

    /// Gates of these as well.
    pub(super) fn add(&mut self, named: impl IntoIterator<Item = PeerId>) {
        for publisher in named {
            self.named.entry(publisher).or_insert_with(gate);
        }
    }

    /// Lets a message through, unless too many of its publisher are under way.
    pub(super) fn pass(
        &self,
        publisher: &PeerId,
        transactions: Vec<Vec<u8>>,
    ) -> Option<Unverified> {
        let gate = self.named.get(publisher).unwrap_or(&self.others);
        let place = Arc::clone(gate).try_acquire_owned().ok()?;
        Some(Unverified {
            transactions,
            place,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consilium_schemes::signature::SigningKey;

    fn publisher(seed: u8) -> PeerId {
        crate::engine::peer_id(&SigningKey::from_bytes(&[seed; 32]).verifying_key())
    }

    #[test]
    fn a_flood_of_one_or_of_strangers_leaves_the_gates_of_others_open() {
        let mut gates = Gates::new([publisher(1), publisher(2)]);
        let flood = |gates: &Gates, seeds: &[u8]| -> Vec<Unverified> {
            let messages = seeds.iter().cycle().take(100);
            let passed = messages.filter_map(|seed| gates.pass(&publisher(*seed), Vec::new()));
            passed.collect()
        };
        let one = flood(&gates, &[1]);
        assert_eq!(one.len(), MESSAGES);
        let strangers = flood(&gates, &[8, 9, 10]);
        assert_eq!(strangers.len(), MESSAGES, "all together");
        assert!(gates.pass(&publisher(2), Vec::new()).is_some());
        assert!(gates.pass(&publisher(3), Vec::new()).is_none());
        gates.add([publisher(3)]);
        assert!(gates.pass(&publisher(3), Vec::new()).is_some());
        drop(one);
        assert!(gates.pass(&publisher(1), Vec::new()).is_some());
    }
}
