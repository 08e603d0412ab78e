//! The app of the demo. `sample-app` serves a page; `sample-app fetch URL` prints one.

mod config;
mod fetch;
mod mask;
mod page;
#[cfg(test)]
#[path = "../../provisioner-postgres/tests/controller/postgres.rs"]
mod postgres;
mod server;
mod visits;

use std::time::Duration;

use clap::{Parser, Subcommand};
use hyper::Uri;

use config::Config;

/// Serves a page that shows its environment and, if it has a database, the visits that it wrote to it.
///
/// The page is told what to say by variables: MESSAGE is its greeting, PORT where it listens (8080). DATABASE_URL, or
/// DB_HOST, DB_PORT, DB_NAME, DB_USERNAME and DB_PASSWORD, name its PostgreSQL.
#[derive(Parser)]
#[command(name = "sample-app", version)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Prints what URL answers, and tries until it answers with success.
    Fetch {
        /// An http:// URL.
        url: Uri,
        /// How long to try, in seconds.
        #[arg(long, default_value_t = 60)]
        timeout: u64,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        None => server::serve(Config::from_environment(std::env::vars_os())?).await,
        Some(Command::Fetch { url, timeout }) => {
            print!("{}", fetch::fetch(&url, Duration::from_secs(timeout)).await?);
            Ok(())
        }
    }
}
