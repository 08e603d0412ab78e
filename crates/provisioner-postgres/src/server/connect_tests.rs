//! Against a real PostgreSQL.

use super::*;
use crate::{NAME, server::settings::Tls};

#[path = "../../tests/controller/postgres.rs"]
mod postgres;

/// A server on `port` that may have two connections, one of them for work.
fn server(port: u16, password: Password) -> Server {
    let address = ServerAddress {
        host: "127.0.0.1".to_owned(),
        port,
        database: "postgres".to_owned(),
        admin_secret: "pg-admin".to_owned(),
        tls: Tls::Disable,
        max_connections: 2,
    };
    let access = Access { address, username: "app".to_owned(), password, authorities: None };
    let limits = Limits { connect: Duration::from_secs(10), work: Duration::from_secs(2) };
    Server::new(&access, limits, None).unwrap()
}

#[tokio::test]
async fn what_takes_too_long_is_ended_on_the_server_before_there_is_another_connection() {
    let password = Password::generate().unwrap();
    let postgres = postgres::Postgres::start(password.expose());
    postgres.ready().await;
    let server = server(postgres.port, password);
    let endless = server.work(async |client| {
        client.batch_execute("SET statement_timeout = 0").await?;
        Ok(client.batch_execute("SELECT pg_sleep(600)").await?)
    });
    assert_eq!(endless.await, Err(Failure::LATE));
    assert_eq!(server.breaker.check(), Ok(()), "others may go on");

    let sessions = format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{NAME}'");
    let begin = Instant::now();
    loop {
        let found = server.work(async |client| {
            let row = client.query_one(sessions.as_str(), &[]).await?;
            Ok(row.try_get::<_, i64>(0)?)
        });
        let found = found.await;
        if found == Ok(1) {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "{found:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
