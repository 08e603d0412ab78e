//! What goes wrong when a test wants it to.

use std::fmt::{self, Debug};

use super::server::Recorded;

type Matcher = Box<dyn Fn(&Recorded) -> bool + Send>;

/// How one request goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It has no effect and is answered with this HTTP status.
    Refused(u16),
    /// It has its effect, but the connection breaks before the answer.
    AnswerLost,
    /// It has no effect and is never answered.
    Hangs,
}

/// The faults that are still to come.
#[derive(Default)]
pub(super) struct Faults {
    next: Vec<(Matcher, Fault)>,
    /// How many writes succeed before none does.
    writes_left: Option<usize>,
}

impl Faults {
    pub(super) fn add(&mut self, matcher: Matcher, fault: Fault) {
        self.next.push((matcher, fault));
    }

    pub(super) fn fail_after(&mut self, writes: usize) {
        self.writes_left = Some(writes);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The fault that `request` meets, which is thereby used up.
    pub(super) fn take(&mut self, request: &Recorded) -> Option<Fault> {
        if let Some(position) = self.next.iter().position(|(matcher, _)| matcher(request)) {
            return Some(self.next.remove(position).1);
        }
        if !request.is_write() {
            return None;
        }
        match &mut self.writes_left {
            Some(0) => Some(Fault::Refused(503)),
            Some(left) => {
                *left -= 1;
                None
            }
            None => None,
        }
    }
}

impl Debug for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<_> = self.next.iter().map(|(_, fault)| fault).collect();
        formatter
            .debug_struct("Faults")
            .field("next", &faults)
            .field("writes_left", &self.writes_left)
            .finish()
    }
}
