//! Charts on a loopback port, as a repository has them and as a registry has them, and Helm to get them with.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use api_types::ResourceClaim;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use provisioner_template::Helm;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::world::{NAMESPACE, World, allowed, declare};

/// The version of the chart of the fixture.
pub const VERSION: &str = "1.2.3";

/// The chart `redis` of the fixtures, to be had.
pub struct Shop {
    /// Host and port.
    pub host: String,
    folder: PathBuf,
    requests: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.server.abort();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Whom a registry that asks lets in, as a header says it and as a Secret does.
const ALLOWED: &str = "Basic cHVsbGVyOnMzY3JldA==";
pub const PASSWORD: &str = "cHVsbGVyOnMzY3JldA==";

#[derive(Clone)]
struct Goods {
    /// Whether the registry asks who is there.
    asks: bool,
    package: Arc<Vec<u8>>,
    requests: Arc<AtomicUsize>,
}

impl Shop {
    pub async fn open() -> Self {
        Self::of(false).await
    }

    /// A registry that lets in only who has the [`PASSWORD`].
    pub async fn asking() -> Self {
        Self::of(true).await
    }

    async fn of(asks: bool) -> Self {
        let folder = folder();
        symlink(real_helm(), folder.join("helm")).unwrap();
        let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/charts/redis");
        helm(&folder, &["package", chart.to_str().unwrap()]);
        let package = fs::read(folder.join(format!("redis-{VERSION}.tgz"))).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(AtomicUsize::new(0));
        let goods = Goods { asks, package: Arc::new(package), requests: requests.clone() };
        let router = Router::new().fallback(serve).with_state(goods);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { host, folder, requests, server }
    }

    /// Nobody listens any more.
    pub fn close(&self) {
        self.server.abort();
    }

    /// How often it was asked for anything.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    pub fn forget_requests(&self) {
        self.requests.store(0, Ordering::Relaxed);
    }

    /// The first words of every run of Helm, in the order in which they began.
    pub fn runs(&self) -> Vec<String> {
        let runs = fs::read_to_string(self.folder.join("runs")).unwrap_or_default();
        runs.lines().map(str::to_owned).collect()
    }

    pub fn forget_runs(&self) {
        let _ = fs::remove_file(self.folder.join("runs"));
    }

    /// What `sha256sum` says of the package.
    pub fn digest(&self) -> String {
        sha256(&fs::read(self.folder.join(format!("redis-{VERSION}.tgz"))).unwrap())
    }

    /// Runs Helm as people do, in the namespace of the claim of a world, and gives what it prints.
    pub async fn helm(&self, window: &Window, arguments: &str) -> String {
        let (folder, address) = (self.folder.clone(), window.address.clone());
        let arguments = format!("{arguments} --namespace={NAMESPACE} --kube-apiserver={address}");
        let run = move || helm(&folder, &arguments.split(' ').collect::<Vec<_>>());
        tokio::task::spawn_blocking(run).await.unwrap()
    }

    /// What the provisioner is given: Helm, in between a line of shell that writes down its runs.
    pub fn tools(&self) -> Helm {
        self.tools_for(&[format!("http://{}", self.host), format!("oci://{}", self.host)])
    }

    fn tools_for(&self, origins: &[String]) -> Helm {
        Helm {
            binary: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/helm.sh"),
            folder: self.folder.clone(),
            origins: origins.iter().map(|origin| origin.parse().unwrap()).collect(),
            secrets: allowed(["registry", "charts-ca"]),
        }
    }

    /// The chart as it is declared, from the repository.
    pub fn chart(&self) -> Value {
        json!({
            "chart": "redis", "repository": format!("http://{}/charts", self.host), "version": VERSION,
            "plainHttp": true, "values": {"auth": {"existingSecret": "{{ claim.shortName }}-auth"}},
        })
    }

    /// The chart as it is declared, from the registry.
    pub fn chart_in_registry(&self) -> Value {
        json!({
            "chart": format!("oci://{}/team/redis", self.host), "version": VERSION, "plainHttp": true,
            "values": self.chart()["values"],
        })
    }

    /// Whether `text` stands in any file that is left of what Helm was given.
    pub fn keeps(&self, text: &str) -> bool {
        let scratch = self.folder.join("scratch");
        assert_eq!(fs::read_dir(scratch).unwrap().count(), 0);
        let mut grep = Command::new("grep");
        grep.args(["--recursive", "--quiet", text]).arg(self.folder.join("charts"));
        grep.status().unwrap().success()
    }

    /// A world with a claim of the chart, beside which stands a Secret.
    pub fn world(&self, change: impl FnOnce(&mut ResourceClaim)) -> World {
        World::with_charts(self.tools(), |claim| self.claim(claim, change))
    }

    /// The same, where charts may come from `origins`.
    pub fn world_at(&self, origins: &[String], change: impl FnOnce(&mut ResourceClaim)) -> World {
        World::with_charts(self.tools_for(origins), |claim| self.claim(claim, change))
    }

    fn claim(&self, claim: &mut ResourceClaim, change: impl FnOnce(&mut ResourceClaim)) {
        declare(claim, &self.declaration());
        change(claim);
    }

    fn declaration(&self) -> String {
        let declaration = json!({
            "helm": self.chart(),
            "manifests": [{
                "apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": "{{ claim.shortName }}-auth", "annotations": {"score.dev/id": "auth"}},
                "stringData": {"password": "{{ generated('password', length=20) }}"},
            }],
            "readyWhen": [{"when": "objects.statefulset.status.readyReplicas >= 1", "message": "Redis is starting"}],
            "outputs": {
                "host": {"value": "objects.service.metadata.name + '.' + claim.namespace + '.svc'"},
                "password": {"secretKeyRef": {"name": "objects.auth.metadata.name", "key": "password"}},
            },
        });
        declaration.to_string()
    }
}

fn folder() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("score-charts-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The tool, where hack/tools puts it.
fn real_helm() -> PathBuf {
    let folder = |variable, below: &str| env::var_os(variable).map(|path| Path::new(&path).join(below));
    let cache = folder("SCORE_CACHE_DIR", "")
        .or_else(|| folder("XDG_CACHE_HOME", "score-orchestrator"))
        .or_else(|| folder("HOME", ".cache/score-orchestrator"))
        .unwrap();
    let binary = cache.join("bin/helm");
    assert!(binary.exists(), "this test needs Helm at {}: hack/tools/install.sh helm", binary.display());
    binary
}

fn helm(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(folder.join("helm"))
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .env_remove("KUBECONFIG")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    let digits = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("sha256:{digits}")
}

async fn serve(State(goods): State<Goods>, request: Request) -> Response {
    let Goods { asks, package, requests } = goods;
    requests.fetch_add(1, Ordering::Relaxed);
    let shown = request.headers().get("authorization").and_then(|shown| shown.to_str().ok());
    if asks && shown != Some(ALLOWED) {
        let response = Response::builder().status(401).header("www-authenticate", "Basic realm=\"charts\"");
        return response.body(Body::from("{\"errors\": []}")).unwrap();
    }
    let path = request.uri().path().to_owned();
    // What a registry calls an artifact, and what that consists of.
    let about = json!({"name": "redis", "version": VERSION, "apiVersion": "v2"}).to_string().into_bytes();
    let layer =
        |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": sha256(bytes), "size": bytes.len()});
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": layer("application/vnd.cncf.helm.config.v1+json", &about),
        "layers": [layer("application/vnd.cncf.helm.chart.content.v1.tar+gzip", &package)],
    });
    let manifest = manifest.to_string().into_bytes();
    let index = json!({"apiVersion": "v1", "entries": {"redis": [{
        "apiVersion": "v2", "name": "redis", "version": VERSION, "urls": [format!("redis-{VERSION}.tgz")],
    }]}});
    let blob = |bytes: &[u8]| format!("/v2/team/redis/blobs/{}", sha256(bytes));
    let name = sha256(&manifest);
    let manifests = [VERSION, &name].map(|tag| format!("/v2/team/redis/manifests/{tag}"));
    let (kind, body) = match path.as_str() {
        "/charts/index.yaml" => ("text/yaml", index.to_string().into_bytes()),
        "/charts/redis-1.2.3.tgz" => ("application/gzip", package.to_vec()),
        "/v2/" => ("application/json", b"{}".to_vec()),
        path if manifests.iter().any(|known| known == path) => {
            ("application/vnd.oci.image.manifest.v1+json", manifest)
        }
        path if path == blob(&package) => ("application/octet-stream", package.to_vec()),
        path if path == blob(&about) => ("application/octet-stream", about),
        _ => return Response::builder().status(404).body(Body::from("{\"errors\": []}")).unwrap(),
    };
    let response =
        Response::builder().header("content-type", kind).header("docker-content-digest", sha256(&body));
    response.header("content-length", body.len()).body(Body::from(body)).unwrap()
}

/// The API server of a world at a loopback address, as Helm wants it.
pub struct Window {
    pub address: String,
    server: JoinHandle<()>,
}

impl Drop for Window {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Window {
    pub async fn of(world: &World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(forward).with_state(world.server.client());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, server }
    }
}

async fn forward(State(client): State<kube::Client>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1024 * 1024).await.unwrap().to_vec();
    let request = axum::http::Request::from_parts(parts, kube::client::Body::from(body));
    let mut response = client.send(request).await.unwrap().map(Body::new);
    response.headers_mut().insert("content-type", "application/json".parse().unwrap());
    response
}
