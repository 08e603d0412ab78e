//! The visits, as rows in PostgreSQL.

use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::Mutex;
use tokio_postgres::{Client, Config, NoTls, Row};

/// How long the database may take for all that one page asks of it.
const TIMEOUT: Duration = Duration::from_secs(5);
const SHOWN: i64 = 10;

/// Replicas that start together would otherwise both find the table missing.
const CREATE: &str = "BEGIN; SELECT pg_advisory_xact_lock(7305);
    CREATE TABLE IF NOT EXISTS visits (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        host text NOT NULL,
        visitor text NOT NULL);
    COMMIT";

/// The database with the visits. It is connected to when it is first asked.
pub(crate) struct Visits {
    config: Config,
    client: Mutex<Option<Client>>,
}

/// What the page shows of the database.
pub(crate) struct Log {
    /// What the database says that it is.
    pub(crate) version: String,
    /// How many visits there were.
    pub(crate) count: i64,
    /// The newest visits, the latest first.
    pub(crate) newest: Vec<Visit>,
}

/// One visit.
pub(crate) struct Visit {
    /// Its number.
    pub(crate) id: i64,
    /// When it was, in UTC.
    pub(crate) at: String,
    /// Who served it.
    pub(crate) host: String,
    /// What came.
    pub(crate) visitor: String,
}

impl Visits {
    pub(crate) fn new(config: Config) -> Self {
        Self { config, client: Mutex::new(None) }
    }

    /// Whether the database answers.
    pub(crate) async fn check(&self) -> anyhow::Result<()> {
        self.with_client(async |client| client.simple_query("SELECT 1").await.map(drop)).await
    }

    /// Writes a visit of `visitor` to `host`, and reads what there is then.
    pub(crate) async fn record(&self, host: &str, visitor: &str) -> anyhow::Result<Log> {
        self.with_client(async |client| {
            client.execute("INSERT INTO visits (host, visitor) VALUES ($1, $2)", &[&host, &visitor]).await?;
            let summary = client.query_one("SELECT version(), count(*) FROM visits", &[]).await?;
            let newest = client
                .query(
                    "SELECT id, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), host, visitor
                     FROM visits ORDER BY id DESC LIMIT $1",
                    &[&SHOWN],
                )
                .await?;
            Ok(Log {
                version: summary.get(0),
                count: summary.get(1),
                newest: newest.iter().map(visit).collect(),
            })
        })
        .await
    }

    /// Asks the database something, over a connection that is kept until it fails.
    async fn with_client<T>(
        &self,
        ask: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> anyhow::Result<T> {
        let mut slot = self.client.lock().await;
        let answer = async {
            let client = match slot.take().filter(|client| !client.is_closed()) {
                Some(client) => client,
                None => connect(&self.config).await?,
            };
            let answer = ask(&client).await?;
            anyhow::Ok((client, answer))
        };
        let (client, answer) = tokio::time::timeout(TIMEOUT, answer)
            .await
            .context("the database takes too long to answer")??;
        *slot = Some(client);
        Ok(answer)
    }
}

async fn connect(config: &Config) -> anyhow::Result<Client> {
    let (client, connection) = config.connect(NoTls).await.context("the database cannot be connected to")?;
    // It ends with the client; what goes wrong is told to whoever asks.
    tokio::spawn(connection);
    client.batch_execute(CREATE).await.context("the table cannot be created")?;
    Ok(client)
}

fn visit(row: &Row) -> Visit {
    Visit { id: row.get(0), at: row.get(1), host: row.get(2), visitor: row.get(3) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::Postgres;

    fn visits(server: &Postgres) -> Visits {
        Visits::new(server.url("app").parse().unwrap())
    }

    #[tokio::test]
    async fn visits_are_written_and_read_and_outlive_the_app() {
        let server = Postgres::start("pa55");
        server.create_database("app").await;
        let first = visits(&server).record("pod-1", "curl").await.unwrap();
        assert_eq!((first.count, first.newest.len()), (1, 1));
        assert!(first.version.starts_with("PostgreSQL "));

        let restarted = visits(&server);
        for _ in 0..14 {
            restarted.record("pod-2", "browser").await.unwrap();
        }
        let log = restarted.record("pod-2", "<script>").await.unwrap();
        assert_eq!((log.count, log.newest.len()), (16, 10));
        assert_eq!((log.newest[0].id, log.newest[0].visitor.as_str()), (16, "<script>"));
    }

    #[tokio::test]
    async fn replicas_that_start_together_create_one_table() {
        let server = Postgres::start("pa55");
        server.create_database("app").await;
        let replicas = [visits(&server), visits(&server), visits(&server)];
        let (one, two, three) = tokio::join!(replicas[0].check(), replicas[1].check(), replicas[2].check());
        for result in [one, two, three] {
            result.unwrap();
        }
    }

    #[tokio::test]
    async fn a_database_that_is_away_is_told_without_the_password() {
        let mut server = Postgres::start("pa55-secret");
        server.create_database("app").await;
        let visits = visits(&server);
        visits.check().await.unwrap();
        server.stop();
        for _ in 0..2 {
            let error = format!("{:#}", visits.check().await.unwrap_err());
            assert!(!error.contains("pa55"), "{error}");
        }
    }
}
