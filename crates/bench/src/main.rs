//! `score-bench`: how fast the Score controllers are, compared with writers that need not think.

mod args;
mod audit;
mod bench;
mod cleanup;
mod error;
#[cfg(test)]
mod fixtures;
mod goals;
mod kinds;
mod process;
mod progress;
mod ready;
mod report;
mod round;
mod sample;
mod stats;
mod table;
mod tally;
mod tracker;
mod writer;

use anyhow::Context;
use clap::Parser;
use kube::Client;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = args::Args::parse();
    let client = Client::try_default().await.context("no cluster: set KUBECONFIG")?;
    let report = bench::run(&args, client).await?;
    println!("{}", table::render(&report));
    if let Some(path) = &args.json {
        let json = serde_json::to_vec_pretty(&report).context("the report as JSON")?;
        std::fs::write(path, json).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
