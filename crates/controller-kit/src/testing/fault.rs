//! What goes wrong when a test wants it to.

use std::fmt::{self, Debug};

use super::request::Recorded;

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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::{Api, api::PostParams};
    use serde_json::json;

    use super::{super::TestApiServer, *};

    fn map(name: &str) -> ConfigMap {
        serde_json::from_value(json!({"metadata": {"name": name, "namespace": "team"}})).unwrap()
    }

    fn maps(server: &TestApiServer) -> Api<ConfigMap> {
        Api::namespaced(server.client(), "team")
    }

    fn code<T: Debug>(result: Result<T, kube::Error>) -> u16 {
        match result.unwrap_err() {
            kube::Error::Api(status) => status.code,
            other => panic!("{other} is no answer of the server"),
        }
    }

    #[tokio::test]
    async fn faults_happen_once_and_where_they_are_wanted() {
        let server = TestApiServer::new();
        let api = maps(&server);
        server.fail_next(|request| request.is_about("configmaps") && request.is_write(), 503);
        assert_eq!(code(api.get("a").await), 404);
        assert_eq!(code(api.create(&PostParams::default(), &map("a")).await), 503);
        api.create(&PostParams::default(), &map("a")).await.unwrap();
    }

    #[tokio::test]
    async fn a_lost_answer_is_no_lost_write() {
        let server = TestApiServer::new();
        server.inject(Recorded::is_write, Fault::AnswerLost);
        maps(&server).create(&PostParams::default(), &map("a")).await.unwrap_err();
        assert!(server.get::<ConfigMap>("team", "a").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_may_hang() {
        let server = TestApiServer::new();
        server.inject(|_| true, Fault::Hangs);
        let api = maps(&server);
        tokio::time::timeout(Duration::from_secs(60), api.get("a")).await.unwrap_err();
    }

    #[tokio::test]
    async fn no_write_succeeds_after_the_given_number_until_healed() {
        let server = TestApiServer::new();
        let api = maps(&server);
        server.fail_after(1);
        api.create(&PostParams::default(), &map("a")).await.unwrap();
        for _ in 0..2 {
            assert_eq!(code(api.create(&PostParams::default(), &map("b")).await), 503);
        }
        api.get("a").await.unwrap();
        server.heal();
        api.create(&PostParams::default(), &map("b")).await.unwrap();
    }
}
