//! Connections to servers: few, shared by all claims of a server, and never waited for long.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use deadpool_postgres::{
    BuildError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    access::{Access, Unusable, connector},
    breaker::Breaker,
    failure::Failure,
    settings::ServerAddress,
};
use crate::credentials::Password;

/// A server that no claim has asked for in this time is forgotten, and its connections are closed.
const UNUSED: Duration = Duration::from_secs(3_600);
/// Who has to wait longer for a connection is asked to come again, so that one server's claims do not keep all workers.
const WAIT: Duration = Duration::from_millis(300);

/// How long things may take on a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A connection, encryption and login included.
    pub connect: Duration,
    /// All that is done for one claim in one go.
    pub work: Duration,
}

/// Every server that claims are on.
#[derive(Debug)]
pub struct Servers {
    limits: Limits,
    known: Mutex<HashMap<ServerAddress, Known>>,
}

#[derive(Debug)]
struct Known {
    server: Arc<Server>,
    used: Instant,
}

impl Servers {
    /// No servers yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, known: Mutex::default() }
    }

    /// The server that `access` is for. Other credentials than before close the connections that were made with those.
    ///
    /// # Errors
    /// If there is no usable certificate.
    pub fn get(&self, access: &Access) -> Result<Arc<Server>, Unusable> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|address, known| *address == access.address || known.used.elapsed() < UNUSED);
        let earlier = known.get(&access.address).map(|known| known.server.clone());
        let server = match earlier {
            Some(server) if server.fingerprint == access.fingerprint() => server,
            earlier => {
                // Made first: certificates that cannot be used leave the former ones in force for nobody.
                let server = Arc::new(Server::new(access, self.limits, earlier.as_deref())?);
                if let Some(earlier) = earlier {
                    earlier.pool.close();
                }
                server
            }
        };
        known.insert(access.address.clone(), Known { server: server.clone(), used: Instant::now() });
        Ok(server)
    }
}

/// One server.
///
/// Of the connections that it may have, half are kept in a pool for work on its roles and databases; the others are made
/// for a moment each, to look into one database or to try a login.
pub struct Server {
    fingerprint: [u8; 32],
    limits: Limits,
    config: Config,
    tls: Option<MakeRustlsConnect>,
    pool: Pool,
    doors: Arc<Doors>,
    breaker: Breaker,
    /// When it was last looked over whose databases are on it.
    surveyed: Mutex<Option<Instant>>,
}

/// What bounds the connections, also while those of former credentials are closing.
struct Doors {
    pool: Arc<Semaphore>,
    visits: Arc<Semaphore>,
}

impl Server {
    fn new(access: &Access, limits: Limits, earlier: Option<&Self>) -> Result<Self, Unusable> {
        let tls = access.authorities.as_ref().map(connector).transpose()?;
        let config = access.config(limits);
        let connections = access.address.max_connections as usize;
        let pooled = connections / 2;
        let pool = pool(&config, tls.clone(), limits, pooled)?;
        let door = |connections| Arc::new(Semaphore::new(connections));
        let new = || Doors { pool: door(pooled), visits: door(connections - pooled) };
        let doors = earlier.map_or_else(|| Arc::new(new()), |earlier| earlier.doors.clone());
        let fingerprint = access.fingerprint();
        let breaker = Breaker::default();
        Ok(Self { fingerprint, limits, config, tls, pool, doors, breaker, surveyed: Mutex::default() })
    }

    /// Does `work` on a connection to the provisioner's own database.
    ///
    /// # Errors
    /// If there is no connection, or whatever the work comes to.
    pub async fn work<T>(&self, work: impl AsyncFnOnce(&Client) -> Result<T, Failure>) -> Result<T, Failure> {
        self.breaker.check()?;
        let permit = permit(&self.doors.pool).await?;
        let connected = self.pool.get().await.map_err(Failure::from);
        let object = self.breaker.note(connected)?;
        let result = tokio::time::timeout(self.limits.work, work(&object)).await;
        let Ok(result) = result else {
            self.end(object, permit);
            return Err(Failure::LATE);
        };
        if result.is_err() {
            // Nobody knows what state it is in.
            drop(Object::take(object));
        }
        self.breaker.note(result)
    }

    /// Ends what is still under way on `object`: PostgreSQL does not notice by itself that nobody waits any more. Only then
    /// there may be another connection in its place.
    fn end(&self, object: Object, permit: OwnedSemaphorePermit) {
        let (tls, limits) = (self.tls.clone(), self.limits);
        tokio::spawn(async move {
            let token = object.cancel_token();
            let ended = async {
                let cancelled = match tls {
                    Some(tls) => token.cancel_query(tls).await,
                    None => token.cancel_query(NoTls).await,
                };
                if let Err(error) = cancelled {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "a statement could not be ended"
                    );
                }
                // It is answered after whatever came before.
                object.simple_query("").await
            };
            // A statement that goes on nonetheless has a time limit of its own.
            let _ = tokio::time::timeout(limits.work, ended).await;
            drop(Object::take(object));
            drop(permit);
        });
    }

    /// Connects to `database` with the provisioner's own credentials.
    ///
    /// # Errors
    /// If that does not succeed.
    pub async fn visit(&self, database: &str) -> Result<Client, Failure> {
        let mut config = self.config.clone();
        config.dbname(database);
        self.connect(&config).await
    }

    /// Connects to `database` as somebody else.
    ///
    /// # Errors
    /// If that does not succeed.
    pub async fn login(
        &self,
        database: &str,
        username: &str,
        password: &Password,
    ) -> Result<Client, Failure> {
        let mut config = self.config.clone();
        config.dbname(database).user(username).password(password.expose());
        self.connect(&config).await
    }

    /// Whether nobody has looked over for `pause` whose databases are on it; whoever asks first does it.
    pub fn is_survey_due(&self, pause: Duration) -> bool {
        let mut surveyed = self.surveyed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = surveyed.is_none_or(|time| time.elapsed() > pause);
        if is_due {
            *surveyed = Some(Instant::now());
        }
        is_due
    }

    /// How long all that is done for one claim may take.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    async fn connect(&self, config: &Config) -> Result<Client, Failure> {
        self.breaker.check()?;
        let permit = permit(&self.doors.visits).await?;
        let connected = async {
            match &self.tls {
                Some(tls) => {
                    let (client, connection) = config.connect(tls.clone()).await?;
                    keep(connection, permit);
                    Ok(client)
                }
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    keep(connection, permit);
                    Ok(client)
                }
            }
        };
        let connected = tokio::time::timeout(self.limits.connect, connected).await;
        match connected.unwrap_or(Err(Failure::SLOW)) {
            // Says something of the login that was tried, and nothing of the server.
            Err(Failure::Refused) => Err(Failure::Refused),
            result => self.breaker.note(result),
        }
    }
}

/// Runs a connection until it ends. Only then there may be another in its place.
fn keep(
    connection: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
    permit: OwnedSemaphorePermit,
) {
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = &error as &dyn std::error::Error, "a connection to a server broke");
        }
        drop(permit);
    });
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Server").field("hosts", &self.config.get_hosts()).finish_non_exhaustive()
    }
}

async fn permit(door: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Failure> {
    match tokio::time::timeout(WAIT, door.clone().acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Failure::Busy),
    }
}

fn pool(
    config: &Config,
    tls: Option<MakeRustlsConnect>,
    limits: Limits,
    size: usize,
) -> Result<Pool, BuildError> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Verified };
    let manager = match tls {
        Some(tls) => Manager::from_config(config.clone(), tls, recycling),
        None => Manager::from_config(config.clone(), NoTls, recycling),
    };
    let timeouts = Timeouts { wait: Some(WAIT), create: Some(limits.connect), recycle: Some(limits.connect) };
    Pool::builder(manager).max_size(size).timeouts(timeouts).runtime(Runtime::Tokio1).build()
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
