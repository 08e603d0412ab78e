//! A PostgreSQL on a loopback port that goes when the test ends.
//!
//! It is started from the binaries of Debian's package. Where those are missing a test fails and says what to
//! install.

#![allow(dead_code, reason = "no test uses all of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests too")]

use std::{
    fs,
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use tokio_postgres::{Client, Config, NoTls};

/// PostgreSQL refuses to run as root, so root runs it as `nobody`.
const NOBODY: u32 = 65534;
const CONNECTIONS: usize = 6;

pub struct Postgres {
    pub port: u16,
    password: String,
    folder: PathBuf,
    options: Vec<String>,
    server: Child,
}

/// A certificate for a server, and its key, as PEM.
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Postgres {
    /// Makes a data folder with the superuser `app`, and starts a server on a free port.
    pub fn start(password: &str) -> Self {
        Self::start_with(password, &[format!("max_connections={CONNECTIONS}")])
    }

    /// As [`Self::start`], with these settings.
    pub fn start_with(password: &str, options: &[String]) -> Self {
        let binaries = binaries();
        let folder = folder();
        fs::write(folder.join("password"), password).unwrap();
        let data = folder.join("data");
        let output = as_nobody(&binaries.join("initdb"), &folder)
            .args(["--username=app", "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync", "--pgdata"])
            .arg(&data)
            .arg(format!("--pwfile={}", folder.join("password").display()))
            .output()
            .unwrap();
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = spawn(&folder, port, options);
        Self { port, password: password.to_owned(), folder, options: options.to_vec(), server }
    }

    /// Starts it again on the same port, after [`Self::stop`].
    pub fn start_again(&mut self) {
        self.server = spawn(&self.folder, self.port, &self.options);
    }

    /// Lets it speak TLS with `identity`, as soon as it is started again.
    pub fn set_identity(&mut self, identity: &Identity) {
        for (name, text) in [("server.crt", &identity.certificate), ("server.key", &identity.key)] {
            let path = self.folder.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            own(&path, &self.folder);
            let setting = if name == "server.crt" { "ssl_cert_file" } else { "ssl_key_file" };
            self.options.push(format!("{setting}={}", path.display()));
        }
        self.options.push("ssl=on".to_owned());
    }

    /// Runs statements as the superuser, each in a transaction of its own.
    pub async fn run(&self, database: &str, statements: &[&str]) {
        let client = self.connect(database).await;
        for statement in statements {
            client.batch_execute(statement).await.unwrap();
        }
    }

    /// The first column of what the superuser is answered, as text.
    pub async fn ask(&self, database: &str, query: &str) -> Vec<String> {
        let client = self.connect(database).await;
        let rows = client.simple_query(query).await.unwrap();
        let text = |row| match row {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        };
        rows.into_iter().filter_map(text).collect()
    }

    /// Creates a database as soon as the server answers.
    pub async fn create_database(&self, name: &str) {
        let client = self.connect("postgres").await;
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    }

    /// Waits until the server answers.
    pub async fn ready(&self) {
        self.connect("postgres").await;
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://app:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Takes every connection that there is.
    pub async fn fill(&self) -> Vec<Client> {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            clients.push(self.connect("app").await);
        }
        clients
    }

    pub fn stop(&mut self) {
        if self.server.try_wait().is_ok_and(|exit| exit.is_some()) {
            return;
        }
        // Not a kill, which would leave its shared memory behind.
        let mut stop = as_nobody(&binaries().join("pg_ctl"), &self.folder);
        let _ = stop.args(["stop", "--mode=immediate", "--pgdata"]).arg(self.folder.join("data")).status();
        let _ = self.server.wait();
    }

    pub async fn connect(&self, database: &str) -> Client {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port).user("app").password(&self.password).dbname(database);
        let begin = Instant::now();
        loop {
            match config.connect(NoTls).await {
                Ok((client, connection)) => {
                    tokio::spawn(connection);
                    return client;
                }
                Err(error) => assert!(begin.elapsed() < Duration::from_secs(30), "{error:?}\n{}", self.log()),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn spawn(folder: &Path, port: u16, options: &[String]) -> Child {
    let mut server = as_nobody(&binaries().join("postgres"), folder);
    server.arg("-D").arg(folder.join("data")).args(["-p", &port.to_string()]);
    let fixed =
        ["listen_addresses=127.0.0.1", "unix_socket_directories=", "superuser_reserved_connections=0"];
    let more = ["fsync=off", "max_wal_senders=0"];
    for option in fixed.into_iter().chain(more).chain(options.iter().map(String::as_str)) {
        server.args(["-c", option]);
    }
    server.stderr(fs::File::create(folder.join("log")).unwrap()).spawn().unwrap()
}

/// Gives `path` to whoever owns `folder`.
fn own(path: &Path, folder: &Path) {
    let owner = fs::metadata(folder).unwrap().uid();
    if owner == NOBODY {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

/// The binaries of the newest PostgreSQL that Debian's packages have installed.
fn binaries() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders =
        versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists());
    folders.max().expect("this test needs PostgreSQL: apt-get install postgresql-15 (or any other version)")
}

/// A folder that the server may write to.
fn folder() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("score-postgres-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    if fs::metadata(&folder).unwrap().uid() == 0 {
        chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    folder
}

fn as_nobody(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).env("LC_ALL", "C.UTF-8");
    let owner = fs::metadata(folder).unwrap().uid();
    if owner == NOBODY {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}
