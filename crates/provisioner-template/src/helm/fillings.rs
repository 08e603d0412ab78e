//! What charts came to, so that Helm does not run again for the same.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Filling, Order, Trouble};

/// What charts came to, for each claim the last.
#[derive(Default)]
pub(super) struct Fillings(Mutex<HashMap<(String, String), Known>>);

struct Known {
    digest: String,
    filling: Result<Arc<Filling>, Trouble>,
}

/// How many bytes of text are remembered. When there are more, all are forgotten: that costs time, and nothing else.
const MOST_BYTES: usize = 32 * 1024 * 1024;

impl Fillings {
    /// What `order` came to, if it was the last of its claim.
    pub(super) fn get(&self, order: &Order) -> Option<Result<Arc<Filling>, Trouble>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(&order.place())?;
        (known.digest == order.digest()).then(|| known.filling.clone())
    }

    /// Remembers what `order` came to.
    pub(super) fn keep(&self, order: &Order, filling: Result<Arc<Filling>, Trouble>) {
        let size = |known: &Known| known.filling.as_ref().map_or(0, |filling| filling.text.len());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.values().map(size).sum::<usize>() > MOST_BYTES {
            known.clear();
        }
        known.insert(order.place(), Known { digest: order.digest(), filling });
    }
}

#[cfg(test)]
#[path = "fillings_tests.rs"]
mod tests;
