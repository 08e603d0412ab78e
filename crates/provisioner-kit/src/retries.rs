//! When to look again at what no watch reports.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use api_types::ResourceClaim;
use kube::{ResourceExt as _, runtime::controller::Action};

use crate::answer::Retry;

/// The longest pause between two looks at something that is expected soon.
const LONGEST_SECONDS: u64 = 30;
/// The pause before the next look at something that somebody has to do first.
const RARELY: Duration = Duration::from_secs(90);
/// The pause before the next look at what was made, where it tells nobody what is done to it.
const CHECKED: Duration = Duration::from_secs(300);
/// The pause before the next attempt to have a turn.
const BUSY: Duration = Duration::from_secs(1);
/// Claims that were not looked at for this long have been answered or are gone.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// How often each claim was looked at in vain.
#[derive(Debug, Default)]
pub struct Retries(Mutex<HashMap<String, (u32, Instant)>>);

impl Retries {
    /// When the loop is to come to `claim` again.
    pub fn action(&self, claim: &ResourceClaim, retry: Retry) -> Action {
        let pause = self.pause(&claim.uid().unwrap_or_default(), retry);
        pause.map_or_else(Action::await_change, Action::requeue)
    }

    /// The pause before the next look at the claim with `uid`; none if a watch will tell.
    pub fn pause(&self, uid: &str, retry: Retry) -> Option<Duration> {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(retry, Retry::Soon | Retry::Busy | Retry::After(_)) {
            attempts.remove(uid);
        }
        match retry {
            Retry::Never => None,
            Retry::Rarely => Some(jittered(RARELY, rand::random())),
            Retry::Checked => Some(jittered(CHECKED, rand::random())),
            Retry::Busy => Some(jittered(BUSY, rand::random())),
            Retry::After(pause) => Some(pause + jittered(pause / 2, rand::random())),
            Retry::Soon => {
                attempts.retain(|_, (_, last)| last.elapsed() < FORGOTTEN);
                let (attempt, last) = attempts.entry(uid.to_owned()).or_insert((0, Instant::now()));
                let pause = growing_pause(*attempt);
                (*attempt, *last) = (*attempt + 1, Instant::now());
                Some(pause)
            }
        }
    }
}

/// The pause after an attempt that failed, the first of which is 0: a second that doubles up to half a minute, less up to
/// half of it at random.
pub fn growing_pause(attempt: u32) -> Duration {
    jittered(backoff(attempt), rand::random())
}

/// 1 s, 2 s, 4 s … and no more than the longest.
fn backoff(attempt: u32) -> Duration {
    Duration::from_secs(2_u64.saturating_pow(attempt).min(LONGEST_SECONDS))
}

/// Between half of `pause` and all of it, so that claims which began together do not stay together.
fn jittered(pause: Duration, random: f64) -> Duration {
    pause.mul_f64(0.5 + random / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_half_a_minute_and_are_jittered() {
        let seconds: Vec<_> = [0, 1, 2, 3, 4, 5, 6, 100].map(|attempt| backoff(attempt).as_secs()).into();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(jittered(Duration::from_secs(4), 0.0), Duration::from_secs(2));
        assert!(jittered(Duration::from_secs(4), 0.999) < Duration::from_secs(4));
    }

    #[test]
    fn each_claim_has_its_own_count_and_an_answer_resets_it() {
        let retries = Retries::default();
        for _ in 0..5 {
            retries.pause("one", Retry::Soon);
        }
        assert!(retries.pause("one", Retry::Soon).unwrap() >= Duration::from_secs(15));
        assert!(retries.pause("two", Retry::Soon).unwrap() <= Duration::from_secs(1));
        assert_eq!(retries.pause("one", Retry::Never), None);
        assert!(retries.pause("one", Retry::Soon).unwrap() <= Duration::from_secs(1));
    }

    #[test]
    fn who_has_to_let_others_go_first_comes_back_at_once_and_keeps_its_count() {
        let retries = Retries::default();
        for _ in 0..5 {
            retries.pause("one", Retry::Soon);
        }
        assert!(retries.pause("one", Retry::Busy).unwrap() <= Duration::from_secs(1));
        assert!(retries.pause("one", Retry::Soon).unwrap() >= Duration::from_secs(15));
    }

    #[test]
    fn nobody_comes_back_before_the_time_that_was_asked_for_or_much_later() {
        let retries = Retries::default();
        let pause = Duration::from_secs(40);
        for _ in 0..20 {
            let pause = retries.pause("one", Retry::After(pause)).unwrap();
            assert!((40..=60).contains(&pause.as_secs()), "{pause:?}");
        }
    }

    #[test]
    fn what_is_only_checked_is_looked_at_every_few_minutes_and_has_been_answered() {
        let retries = Retries::default();
        for _ in 0..5 {
            retries.pause("one", Retry::Soon);
        }
        assert!(retries.pause("one", Retry::Checked).unwrap() >= Duration::from_secs(150));
        assert!(retries.pause("one", Retry::Soon).unwrap() <= Duration::from_secs(1));
    }
}
