//! The server as a test sees it.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use http::{Request, Response};
use kube::{Client, Resource, client::Body};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::watch;
use tower::BoxError;

use super::{
    answer::Answer,
    discovery::{self, Kind},
    fault::{Fault, Faults},
    request::{Recorded, record},
    store::{Key, Store},
    verbs::{self, Call},
};
use crate::path::ApiPath;

/// An API server in memory. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct TestApiServer {
    state: Arc<Mutex<State>>,
    /// Wakes watches.
    pulse: Arc<watch::Sender<()>>,
}

#[derive(Debug, Default)]
struct State {
    store: Store,
    kinds: Vec<Kind>,
    faults: Faults,
    requests: Vec<Recorded>,
}

impl Default for TestApiServer {
    fn default() -> Self {
        Self { state: Arc::default(), pulse: Arc::new(watch::Sender::new(())) }
    }
}

impl TestApiServer {
    /// An empty server, which serves every kind but says so of none (see [`Self::serve`]).
    pub fn new() -> Self {
        Self::default()
    }

    /// A client of it. It does not retry, so that a fault is seen where it happens.
    pub fn client(&self) -> Client {
        let server = self.clone();
        Client::new(tower::service_fn(move |request| server.clone().handle(request)), "default")
    }

    /// Makes discovery name the kind.
    pub fn serve<K: Resource<DynamicType = ()>>(&self) {
        self.lock().kinds.push(Kind::of::<K>());
    }

    /// Every request so far, in order.
    pub fn requests(&self) -> Vec<Recorded> {
        self.lock().requests.clone()
    }

    /// Every request so far that was meant to change something, in order.
    pub fn writes(&self) -> Vec<Recorded> {
        self.requests().into_iter().filter(Recorded::is_write).collect()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.lock().requests.clear();
    }

    /// Stores `object` as it is, status included, in the place of one of its name, and returns it as it stands then.
    /// This is not a request.
    ///
    /// # Panics
    /// If `object` is no JSON object.
    pub fn insert<K>(&self, object: K) -> K
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned,
    {
        let mut value = json(&object);
        value["apiVersion"] = K::api_version(&()).into();
        value["kind"] = K::kind(&()).into();
        typed(self.insert_json(&resource::<K>(), value))
    }

    /// As [`Self::insert`], for what is no valid object of a `resource`, given as `plural.group`.
    pub fn insert_json(&self, resource: &str, object: Value) -> Value {
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let key = Key { resource: resource.to_owned(), namespace: text("namespace"), name: text("name") };
        let saved = self.lock().store.save(&key, object);
        self.wake_watches();
        saved
    }

    /// The object of that name. `namespace` is empty for kinds that have none.
    ///
    /// # Panics
    /// If it does not parse.
    pub fn get<K: Resource<DynamicType = ()> + DeserializeOwned>(
        &self,
        namespace: &str,
        name: &str,
    ) -> Option<K> {
        self.lock().store.get(&key::<K>(namespace, name)).cloned().map(typed)
    }

    /// All objects of a kind, sorted by namespace and name.
    ///
    /// # Panics
    /// If one does not parse.
    pub fn list<K: Resource<DynamicType = ()> + DeserializeOwned>(&self) -> Vec<K> {
        self.lock().store.list(&resource::<K>(), None).cloned().map(typed).collect()
    }

    /// Changes an object as somebody else would; nothing happens if there is none. This is not a request.
    pub fn modify<K>(&self, namespace: &str, name: &str, change: impl FnOnce(&mut K)) -> Option<K>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned,
    {
        let mut object: K = self.get(namespace, name)?;
        change(&mut object);
        Some(self.insert(object))
    }

    /// Deletes an object as somebody else would: one with finalizers is only marked. This is not a request.
    pub fn remove<K: Resource<DynamicType = ()>>(&self, namespace: &str, name: &str) {
        self.lock().store.delete(&key::<K>(namespace, name));
        self.wake_watches();
    }

    /// Lets the dependents of everything that waits for them be gone, so that its deletion ends.
    pub fn collect_garbage(&self) {
        self.lock().store.collect();
        self.wake_watches();
    }

    /// Answers the next request that `matcher` accepts with `code`.
    pub fn fail_next(&self, matcher: impl Fn(&Recorded) -> bool + Send + 'static, code: u16) {
        self.inject(matcher, Fault::Refused(code));
    }

    /// Lets the next request that `matcher` accepts go wrong.
    pub fn inject(&self, matcher: impl Fn(&Recorded) -> bool + Send + 'static, fault: Fault) {
        self.lock().faults.add(Box::new(matcher), fault);
    }

    /// Method and plural of each write since the requests were last cleared: `PATCH statefulsets`.
    pub fn written(&self) -> Vec<String> {
        let plural =
            |write: &Recorded| ApiPath::parse(&write.path).map(|path| path.plural).unwrap_or_default();
        self.writes().iter().map(|write| format!("{} {}", write.method, plural(write))).collect()
    }

    /// Lets the write with this number, counted from 0, go wrong.
    pub fn disturb(&self, number: usize, fault: Fault) {
        let count = AtomicUsize::new(0);
        let matcher =
            move |request: &Recorded| request.is_write() && count.fetch_add(1, Ordering::Relaxed) == number;
        self.inject(matcher, fault);
    }

    /// Lets `writes` more writes succeed and refuses all that follow, until [`Self::heal`].
    pub fn fail_after(&self, writes: usize) {
        self.lock().faults.fail_after(writes);
    }

    /// Forgets all faults that have not happened yet.
    pub fn heal(&self) {
        self.lock().faults.clear();
    }

    /// Forgets what has happened so far, so that a watch that has not yet seen it must list anew.
    pub fn compact(&self) {
        self.lock().store.compact();
    }

    async fn handle(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let (recorded, content_type) = record(request).await?;
        let fault = {
            let mut state = self.lock();
            state.requests.push(recorded.clone());
            state.faults.take(&recorded)
        };
        match fault {
            Some(Fault::Refused(code)) => Ok(Answer::injected(code).into_response()),
            Some(Fault::Hangs) => std::future::pending().await,
            Some(Fault::AnswerLost) => {
                self.answer(recorded, content_type).await;
                Err("the connection broke before the answer".into())
            }
            None => Ok(self.answer(recorded, content_type).await.into_response()),
        }
    }

    async fn answer(&self, recorded: Recorded, content_type: String) -> Answer {
        let Recorded { method, path, query, body } = recorded;
        let Some(target) = ApiPath::parse(&path) else { return discovery::answer(&self.lock().kinds, &path) };
        let call = Call { method, path: target, query, content_type, body };
        if call.query.get("watch").is_some_and(|watch| watch == "true") {
            return self.watch(&call).await;
        }
        let outcome = verbs::perform(&mut self.lock().store, &call);
        self.wake_watches();
        outcome.unwrap_or_else(|failure| failure)
    }

    /// Answers with what has changed, as soon as something has, and ends: the client goes on from there.
    async fn watch(&self, call: &Call) -> Answer {
        let mut pulse = self.pulse.subscribe();
        loop {
            pulse.mark_unchanged();
            if let Some(answer) = verbs::watch(&self.lock().store, call) {
                return answer;
            }
            if pulse.changed().await.is_err() {
                return verbs::expired();
            }
        }
    }

    fn wake_watches(&self) {
        self.pulse.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key<K: Resource<DynamicType = ()>>(namespace: &str, name: &str) -> Key {
    Key { resource: resource::<K>(), namespace: namespace.to_owned(), name: name.to_owned() }
}

fn resource<K: Resource<DynamicType = ()>>() -> String {
    format!("{}.{}", K::plural(&()), K::group(&())).trim_end_matches('.').to_owned()
}

#[expect(clippy::expect_used, reason = "a test that stores what is not JSON is wrong")]
fn json(object: &impl Serialize) -> Value {
    serde_json::to_value(object).expect("objects should be JSON")
}

#[expect(clippy::expect_used, reason = "a test that reads another kind than it stored is wrong")]
fn typed<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("objects should be of the kind that they are read as")
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
