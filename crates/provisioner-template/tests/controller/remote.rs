//! An API for buckets on a loopback port, which does as it is told to: also wrong.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
};

use api_types::{DeprovisionPolicy, ResourceClaim};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use futures::{StreamExt as _, stream};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::world::{PLATFORM, World, declare, edit};

/// The platform's credential, which the API wants to see.
pub const TOKEN: &str = "t0ken-of-the-platform";

/// How a request goes wrong.
#[derive(Clone, Debug)]
pub enum Wrong {
    /// It has no effect, and this is the answer.
    Says(u16, &'static str, Option<&'static str>),
    /// It has its effect, and then this is the answer.
    DoneThenSays(u16, &'static str),
    /// It has its effect, and the connection breaks in the middle of the answer.
    DoneThenDies,
    /// It has no effect, and no answer.
    Hangs,
    /// It leads somewhere else.
    Leads(String),
    /// The answer never ends.
    Endless,
}

/// What the API got.
#[derive(Clone, Debug)]
pub struct Got {
    pub method: String,
    pub target: String,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
}

#[derive(Default)]
struct Inner {
    got: Vec<Got>,
    wrong: VecDeque<(String, Wrong)>,
    /// By id.
    buckets: BTreeMap<String, Value>,
    /// Which id a key has made.
    keys: BTreeMap<String, String>,
    /// What was said to each key that has changed something.
    changes: BTreeMap<String, Value>,
    state: Option<String>,
    masks: bool,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Inner>>);

/// The API.
pub struct Remote {
    pub origin: String,
    shared: Shared,
    server: JoinHandle<()>,
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Remote {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let shared = Shared::default();
        let router = Router::new().fallback(serve).with_state(shared.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { origin, shared, server }
    }

    /// Nobody listens any more.
    pub fn stop(&self) {
        self.server.abort();
    }

    /// The next request with `method` goes wrong.
    pub fn disturb(&self, method: &str, wrong: Wrong) {
        self.shared.0.lock().unwrap().wrong.push_back((method.to_owned(), wrong));
    }

    pub fn buckets(&self) -> Vec<Value> {
        self.shared.0.lock().unwrap().buckets.values().cloned().collect()
    }

    pub fn got(&self) -> Vec<Got> {
        self.shared.0.lock().unwrap().got.clone()
    }

    pub fn clear(&self) {
        self.shared.0.lock().unwrap().got.clear();
    }

    pub fn asked(&self, method: &str) -> usize {
        self.got().iter().filter(|got| got.method == method).count()
    }

    /// The state that buckets are shown in.
    pub fn set_state(&self, state: &str) {
        self.shared.0.lock().unwrap().state = Some(state.to_owned());
    }

    /// Whoever looks at a bucket sees something else in the place of its secret.
    pub fn mask_secrets(&self) {
        self.shared.0.lock().unwrap().masks = true;
    }

    /// Somebody removes everything.
    pub fn lose(&self) {
        self.shared.0.lock().unwrap().buckets.clear();
    }

    /// A declaration of a type that this API provides.
    pub fn declaration(&self) -> String {
        format!(
            "
externalApi:
  url: {}/v1
  plainHttp: true
  secretRef: {{name: buckets-api}}
  timeoutSeconds: 1
  headers: {{Authorization: \"Bearer {{{{ credential('token') }}}}\"}}
  create:
    path: /buckets
    body:
      name: \"{{{{ claim.guid }}}}\"
      size: \"{{{{ params.size | default(1) }}}}\"
      password: \"{{{{ generated('password', length=20) }}}}\"
  read: {{path: \"/buckets/{{{{ remote.id }}}}\"}}
  delete: {{path: \"/buckets/{{{{ remote.id }}}}\"}}
  failedWhen:
    - {{when: answer.state == 'failed', message: the bucket could not be made}}
readyWhen:
  - {{when: answer.state == 'ready', message: the bucket is being made}}
outputs:
  bucket: {{value: answer.name}}
  secret_key: {{secret: /credentials/secretKey}}
",
            self.origin
        )
    }

    /// A world with a claim for a bucket.
    pub fn world(&self, policy: DeprovisionPolicy) -> World {
        self.world_with(|claim| claim.spec.deprovision_policy = policy)
    }

    /// The same, with a bucket that can be changed, but for its region.
    pub fn changeable(&self, change: impl FnOnce(&mut ResourceClaim)) -> World {
        self.world_with(|claim| {
            edit(claim, "/externalApi/create/body/region", "{{ params.region | default('eu') }}".into());
            edit(claim, "/outputs/size", json!({"value": "answer.size"}));
            make_changeable(claim);
            change(claim);
        })
    }

    /// The same, with the claim changed.
    pub fn world_with(&self, change: impl FnOnce(&mut ResourceClaim)) -> World {
        let world = World::at(Some(self.origin.clone()), |claim| {
            declare(claim, &self.declaration());
            change(claim);
        });
        set_platform_secret(&world, "buckets-api", &[("token", &format!("{TOKEN}\n"))]);
        world
    }
}

/// Declares how a bucket is changed.
pub fn make_changeable(claim: &mut ResourceClaim) {
    let body = json!({"size": "{{ params.size | default(1) }}", "note": "{{ params.note | default('') }}"});
    edit(claim, "/externalApi/update", json!({"path": "/buckets/{{ remote.id }}", "body": body}));
}

pub fn set_platform_secret(world: &World, name: &str, data: &[(&str, &str)]) {
    let metadata = json!({"metadata": {"name": name, "namespace": PLATFORM}});
    let mut secret: Secret = serde_json::from_value(metadata).unwrap();
    let data = data.iter().map(|(key, value)| ((*key).to_owned(), ByteString((*value).into())));
    secret.data = Some(data.collect());
    world.server.insert(secret);
}

async fn serve(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, 1024 * 1024).await.unwrap();
    let headers = parts.headers.iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let got = Got {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        headers: headers.collect(),
        body: if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() },
    };
    let wrong = {
        let mut inner = shared.0.lock().unwrap();
        inner.got.push(got.clone());
        let position = inner.wrong.iter().position(|(method, _)| *method == got.method);
        position.and_then(|position| inner.wrong.remove(position)).map(|(_, wrong)| wrong)
    };
    let act = || shared.0.lock().unwrap().act(&got);
    match wrong {
        None => {
            let (status, body) = act();
            answer(status, &body.to_string())
        }
        Some(Wrong::Says(status, body, retry_after)) => {
            let mut response = answer(status, body);
            if let Some(retry_after) = retry_after {
                response.headers_mut().insert("retry-after", retry_after.parse().unwrap());
            }
            response
        }
        Some(Wrong::DoneThenSays(status, body)) => {
            act();
            answer(status, body)
        }
        Some(Wrong::DoneThenDies) => {
            act();
            let broken = stream::iter([Ok("{\"id\": "), Err(io::Error::other("died"))]);
            Response::new(Body::from_stream(broken))
        }
        Some(Wrong::Hangs) => std::future::pending().await,
        Some(Wrong::Leads(to)) => {
            let mut response = answer(307, "{}");
            response.headers_mut().insert("location", to.parse().unwrap());
            response
        }
        Some(Wrong::Endless) => {
            let endless = stream::repeat("x".repeat(4096)).map(Ok::<_, Infallible>);
            Response::new(Body::from_stream(endless))
        }
    }
}

fn answer(status: u16, body: &str) -> Response {
    Response::builder().status(status).body(Body::from(body.to_owned())).unwrap()
}

impl Inner {
    fn act(&mut self, got: &Got) -> (u16, Value) {
        if got.headers.get("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return (401, json!({"message": "who are you"}));
        }
        let id = got.target.strip_prefix("/v1/buckets/").unwrap_or_default().to_owned();
        match (got.method.as_str(), got.target.as_str()) {
            ("POST", "/v1/buckets") => self.create(got),
            ("GET", _) => match self.buckets.get(&id) {
                Some(bucket) => {
                    let mut shown = bucket.clone();
                    shown["state"] = self.state.clone().unwrap_or_else(|| "ready".to_owned()).into();
                    // Shown once, as many APIs do.
                    let masked = || json!({"secretKey": "********"});
                    shown["credentials"] = if self.masks { masked() } else { Value::Null };
                    (200, shown)
                }
                None => (404, json!({"message": "no such bucket"})),
            },
            ("PATCH", _) if self.buckets.contains_key(&id) => self.change(&id, got),
            ("DELETE", _) if self.buckets.remove(&id).is_some() => (204, Value::Null),
            _ => (404, json!({"message": "nothing here"})),
        }
    }

    fn create(&mut self, got: &Got) -> (u16, Value) {
        let key = got.headers["idempotency-key"].clone();
        if let Some(bucket) = self.keys.get(&key).and_then(|id| self.buckets.get(id)) {
            return (200, bucket.clone());
        }
        let id = format!("b-{}", self.keys.len() + 1);
        let bucket = json!({
            "id": id, "name": got.body["name"], "size": got.body["size"], "key": key, "sizes": [got.body["size"]],
            "credentials": {"secretKey": format!("s3cret-of-{id}-0123456789")},
        });
        self.keys.insert(key, id.clone());
        self.buckets.insert(id, bucket.clone());
        (201, bucket)
    }

    /// Another size makes other credentials. What was said once is said again, and not done.
    fn change(&mut self, id: &str, got: &Got) -> (u16, Value) {
        let (key, size) = (got.headers["idempotency-key"].clone(), got.body["size"].clone());
        if let Some(answer) = self.changes.get(&key) {
            return (200, answer.clone());
        }
        let bucket = self.buckets.get_mut(id).unwrap();
        bucket["sizes"].as_array_mut().unwrap().push(size.clone());
        bucket["credentials"] = json!({"secretKey": format!("s3cret-of-{id}-with-size-{size}")});
        bucket["note"] = got.body["note"].clone();
        bucket["size"] = size;
        self.changes.insert(key, bucket.clone());
        (200, bucket.clone())
    }
}
