//! A registry on a loopback port that goes when the test ends: distribution, which hack/tools pins.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests too")]

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use config_artifact::Reference;
use oci_client::{
    Client,
    client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol, Config, ImageLayer},
    manifest::{OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciImageManifest},
    secrets::RegistryAuth,
};

pub const USER: &str = "puller";
pub const PASSWORD: &str = "s3cret-passphrase";
/// `htpasswd -nbB` of the two.
const HTPASSWD: &str = "puller:$2y$05$abcdefghijklmnopqrstuuZEzVljXHMsZiFxKHIDuj.RlLesj9jOC\n";

/// What differs between the registries of the tests.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Open,
    Protected,
    Tls,
}

pub struct Registry {
    pub address: String,
    folder: PathBuf,
    kind: Kind,
    server: Option<Child>,
}

impl Registry {
    /// Starts a registry on a free port.
    pub fn start(kind: Kind) -> Self {
        let folder = folder();
        fs::write(folder.join("htpasswd"), HTPASSWD).unwrap();
        if kind == Kind::Tls {
            make_certificates(&folder);
        }
        let mut registry = Self { address: "127.0.0.1:0".to_owned(), folder, kind, server: None };
        registry.serve();
        registry
    }

    /// Starts the server and waits until it says where it listens.
    pub fn serve(&mut self) {
        let config = self.folder.join("config.yml");
        fs::write(&config, self.config().to_string()).unwrap();
        let mut server = Command::new(binary())
            .arg("serve")
            .arg(&config)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(server.stderr.take().unwrap());
        self.server = Some(server);
        self.address = listening(&mut output);
        // The pipe must not fill up.
        thread::spawn(move || output.read_to_end(&mut Vec::new()));
    }

    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Pushes an artifact with these layers, each a media type and its content.
    pub async fn push(&self, layers: &[(&str, &[u8])]) -> Reference {
        let auth = match self.kind {
            Kind::Protected => RegistryAuth::Basic(USER.to_owned(), PASSWORD.to_owned()),
            _ => RegistryAuth::Anonymous,
        };
        let name: oci_client::Reference = format!("{}/platform/config:latest", self.address).parse().unwrap();
        let layers: Vec<_> = layers
            .iter()
            .map(|(kind, content)| ImageLayer::new(content.to_vec(), (*kind).to_owned(), None))
            .collect();
        let empty = Config::new(b"{}".to_vec(), "application/vnd.oci.empty.v1+json".to_owned(), None);
        let manifest = OciImageManifest::build(&layers, &empty, None);
        let client = self.client();
        client.push(&name, &layers, empty, &auth, Some(manifest)).await.unwrap();
        let digest = client.fetch_manifest_digest(&name, &auth).await.unwrap();
        self.reference(&digest)
    }

    /// Pushes an index of one artifact.
    pub async fn push_index(&self, artifact: &Reference) -> Reference {
        let digest = digest_of(artifact);
        let size = fs::metadata(self.blob(&digest)).unwrap().len();
        let index = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": OCI_IMAGE_INDEX_MEDIA_TYPE,
            "manifests": [{"mediaType": OCI_IMAGE_MEDIA_TYPE, "digest": digest, "size": size}],
        });
        let name: oci_client::Reference = format!("{}/platform/config:index", self.address).parse().unwrap();
        let client = self.client();
        let kind = OCI_IMAGE_INDEX_MEDIA_TYPE.parse().unwrap();
        client.push_manifest_raw(&name, index.to_string().into_bytes(), kind).await.unwrap();
        let digest = client.fetch_manifest_digest(&name, &RegistryAuth::Anonymous).await.unwrap();
        self.reference(&digest)
    }

    pub fn reference(&self, digest: &str) -> Reference {
        format!("{}/platform/config@{digest}", self.address).parse().unwrap()
    }

    /// The digest of an artifact's first layer.
    pub fn layer(&self, artifact: &Reference) -> String {
        let manifest = fs::read(self.blob(&digest_of(artifact))).unwrap();
        let manifest: OciImageManifest = serde_json::from_slice(&manifest).unwrap();
        manifest.layers[0].digest.clone()
    }

    /// Where the registry keeps the content of a digest, `sha256:…`.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        self.folder.join("data/docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data")
    }

    /// A file beside the data.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub fn ca_bundle(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    fn client(&self) -> Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut config = ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() };
        if self.kind == Kind::Tls {
            config.protocol = ClientProtocol::Https;
            let data = fs::read(self.ca_bundle()).unwrap();
            config.extra_root_certificates = vec![Certificate { encoding: CertificateEncoding::Pem, data }];
        }
        Client::try_from(config).unwrap()
    }

    /// JSON is YAML.
    fn config(&self) -> serde_json::Value {
        let mut config = serde_json::json!({
            "version": "0.1",
            "log": {"level": "info", "accesslog": {"disabled": true}},
            "storage": {"filesystem": {"rootdirectory": self.folder.join("data")}},
            "http": {"addr": self.address},
        });
        match self.kind {
            Kind::Open => {}
            Kind::Protected => {
                config["auth"] =
                    serde_json::json!({"htpasswd": {"realm": "test", "path": self.folder.join("htpasswd")}});
            }
            Kind::Tls => {
                config["http"]["tls"] = serde_json::json!({
                    "certificate": self.folder.join("tls.crt"),
                    "key": self.folder.join("tls.key"),
                });
            }
        }
        config
    }
}

pub fn digest_of(artifact: &Reference) -> String {
    artifact.to_string().split_once('@').unwrap().1.to_owned()
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The address in the line that says it: `… msg="listening on 127.0.0.1:1234" …`.
fn listening(output: &mut impl std::io::BufRead) -> String {
    let mut log = String::new();
    for line in output.lines() {
        let line = line.unwrap();
        if let Some((_, rest)) = line.split_once("listening on ") {
            return rest.chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect();
        }
        log += &(line + "\n");
    }
    panic!("the registry ended: {log}");
}

/// The tool, where hack/tools puts it.
fn binary() -> PathBuf {
    let folder = |variable, below: &str| env::var_os(variable).map(|path| Path::new(&path).join(below));
    let cache = folder("SCORE_CACHE_DIR", "")
        .or_else(|| folder("XDG_CACHE_HOME", "score-orchestrator"))
        .or_else(|| folder("HOME", ".cache/score-orchestrator"))
        .unwrap();
    let binary = cache.join("bin/registry");
    assert!(
        binary.exists(),
        "this test needs a registry at {}: hack/tools/install.sh registry",
        binary.display()
    );
    binary
}

fn folder() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("score-registry-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A CA, and a certificate of it for 127.0.0.1.
fn make_certificates(folder: &Path) {
    fs::write(folder.join("san"), "subjectAltName=IP:127.0.0.1").unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for arguments in [
        format!("req -x509 {key} -keyout ca.key -out ca.crt -subj /CN=test-ca -days 1"),
        format!("req {key} -keyout tls.key -out tls.csr -subj /CN=registry"),
        "x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -set_serial 1 -days 1 -extfile san -out tls.crt"
            .to_owned(),
    ] {
        let output =
            Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().expect("openssl");
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
