//! Logins on a real PostgreSQL, which the test starts for itself from the binaries of Debian's package.
//!
//! Where those are missing the test fails and says what to install: a login that was never tried proves nothing.

use std::time::{Duration, Instant};

use crate::postgres::Postgres;
use k8s_openapi::api::core::v1::Secret;
use provisioner_postgres::{Attempt, Credentials, Login as _, PostgresLogin};

const TIMEOUT: Duration = Duration::from_secs(4);

fn credentials(host: &str, password: &str) -> Credentials {
    let secret: Secret = serde_yaml_ng::from_str("metadata: {name: s}").unwrap();
    let data = [("password".to_owned(), k8s_openapi::ByteString(password.into()))];
    Credentials::read(&Secret { data: Some(data.into()), ..secret }, host).unwrap()
}

async fn attempt(port: u16, host: &str, password: &str) -> Attempt {
    PostgresLogin { timeout: TIMEOUT, port }.attempt(&credentials(host, password)).await
}

#[tokio::test]
async fn the_right_password_is_accepted_and_a_wrong_one_refused() {
    let password = "p@ss/w:rd %+ü'\"\\";
    let server = Postgres::start(password);
    server.create_database("app").await;
    assert_eq!(attempt(server.port, "127.0.0.1", password).await, Attempt::Accepted);
    assert_eq!(attempt(server.port, "localhost", password).await, Attempt::Accepted);
    assert_eq!(attempt(server.port, "127.0.0.1", "wrong").await, Attempt::Refused);
}

#[tokio::test]
async fn a_database_says_of_which_version_it_is_to_whoever_comes_in() {
    let server = Postgres::start("pa55");
    server.create_database("app").await;
    let number = server.ask("app", "SHOW server_version_num").await.concat();
    let major: Option<u32> = number[..number.len() - 4].parse().ok();
    let login = PostgresLogin { timeout: TIMEOUT, port: server.port };
    assert_eq!(login.version(&credentials("127.0.0.1", "pa55")).await, major);
    assert_eq!(login.version(&credentials("127.0.0.1", "wrong")).await, None);
}

#[tokio::test]
async fn a_server_without_the_database_refuses() {
    let server = Postgres::start("pa55");
    server.ready().await;
    assert_eq!(attempt(server.port, "127.0.0.1", "pa55").await, Attempt::Refused);
}

#[tokio::test]
async fn a_server_that_is_full_or_stopped_may_come_back() {
    let mut server = Postgres::start("pa55");
    server.create_database("app").await;
    let clients = server.fill().await;
    assert_eq!(attempt(server.port, "127.0.0.1", "pa55").await, Attempt::NotYet);
    drop(clients);
    server.stop();
    assert_eq!(attempt(server.port, "127.0.0.1", "pa55").await, Attempt::NotYet);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for_longer_than_the_timeout() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let login =
        PostgresLogin { timeout: Duration::from_millis(300), port: silent.local_addr().unwrap().port() };
    let begin = Instant::now();
    assert_eq!(login.attempt(&credentials("127.0.0.1", "pa55")).await, Attempt::NotYet);
    assert!(begin.elapsed() < TIMEOUT);
}

#[tokio::test]
async fn a_name_that_cannot_be_resolved_says_nothing_of_the_database() {
    assert_eq!(attempt(5432, "shop-store-postgres.team.invalid", "pa55").await, Attempt::OutOfReach);
}
