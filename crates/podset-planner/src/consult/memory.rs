//! What was asked and answered. Lost when the process ends, which costs a question.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Consulted, question::Question};

/// How long an answer that nobody needs again is kept.
const REMEMBER: Duration = Duration::from_secs(3600);

/// How long a planner that did not answer in time is not asked again: it may hold up a set once in that time.
const REST: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The last question about the set of a trigger, by its uid.
    last: BTreeMap<String, Last>,
    /// The planners that did not answer in time: when that was, and what it is called.
    silent: BTreeMap<String, (Instant, String)>,
}

#[derive(Debug)]
struct Last {
    question: Question,
    consulted: Arc<Consulted>,
    used: Instant,
}

impl Memory {
    /// What was answered to `question`, if it was the last one about the set of `trigger`.
    pub(super) fn recall(
        &mut self,
        trigger: &str,
        question: &Question,
        now: Instant,
    ) -> Option<Arc<Consulted>> {
        let last = self.last.get_mut(trigger).filter(|last| last.question == *question)?;
        last.used = now;
        Some(last.consulted.clone())
    }

    pub(super) fn remember(
        &mut self,
        trigger: String,
        question: Question,
        consulted: Arc<Consulted>,
        now: Instant,
    ) {
        self.last.retain(|_, last| now.duration_since(last.used) < REMEMBER);
        self.last.insert(trigger, Last { question, consulted, used: now });
    }

    /// What happened when `planner` was last asked, if it is to be left alone for now.
    pub(super) fn rests(&mut self, planner: &str, now: Instant) -> Option<String> {
        self.silent.retain(|_, (since, _)| now.duration_since(*since) < REST);
        self.silent.get(planner).map(|(_, why)| why.clone())
    }

    pub(super) fn was_silent(&mut self, planner: String, why: String, now: Instant) {
        self.silent.insert(planner, (now, why));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planner_that_did_not_answer_is_left_alone_for_a_minute() {
        let (mut memory, start) = (Memory::default(), Instant::now());
        assert_eq!(memory.rests("a/b", start), None);
        memory.was_silent("a/b".into(), "is down".into(), start);
        assert_eq!(memory.rests("a/b", start + REST / 2).as_deref(), Some("is down"));
        assert_eq!(memory.rests("a/c", start + REST / 2), None);
        assert_eq!(memory.rests("a/b", start + REST), None);
    }
}
