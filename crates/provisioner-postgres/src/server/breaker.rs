//! Remembers that a server is down, so that however many claims are on it, it is tried by one of them now and then.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use provisioner_kit::growing_pause;

use super::failure::Failure;

/// What is known of a server's failures.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<Option<Down>>);

#[derive(Debug)]
struct Down {
    failure: Failure,
    attempts: u32,
    until: Instant,
}

impl Breaker {
    /// # Errors
    /// What was wrong with the server, if it is too early to try again.
    pub fn check(&self) -> Result<(), Failure> {
        match &*self.lock() {
            Some(down) if Instant::now() < down.until => Err(down.failure.clone()),
            _ => Ok(()),
        }
    }

    /// Remembers what came of an attempt, and returns it.
    ///
    /// # Errors
    /// What came of it, if that was a failure.
    pub fn note<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        match &result {
            Err(failure) if failure.is_of_server() => self.failed(failure),
            Err(Failure::Busy) => {}
            _ => *self.lock() = None,
        }
        result
    }

    fn failed(&self, failure: &Failure) {
        let mut down = self.lock();
        let attempts = down.as_ref().map_or(0, |down| down.attempts + 1);
        *down = Some(Down {
            failure: failure.clone(),
            attempts,
            until: Instant::now() + growing_pause(attempts),
        });
    }

    fn lock(&self) -> MutexGuard<'_, Option<Down>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_failed_is_left_alone_for_a_moment_and_success_ends_that() {
        let breaker = Breaker::default();
        assert_eq!(breaker.check(), Ok(()));
        assert_eq!(breaker.note::<()>(Err(Failure::SLOW)), Err(Failure::SLOW));
        assert_eq!(breaker.check(), Err(Failure::SLOW));
        breaker.note(Ok(())).unwrap();
        assert_eq!(breaker.check(), Ok(()));
    }

    #[test]
    fn what_is_wrong_with_one_claim_is_not_held_against_the_server() {
        let breaker = Breaker::default();
        let denied = Failure::Denied("no".to_owned());
        for failure in [Failure::Busy, Failure::Outdated, Failure::LATE, Failure::Delayed("in use"), denied] {
            breaker.note::<()>(Err(failure)).unwrap_err();
            assert_eq!(breaker.check(), Ok(()));
        }
    }
}
