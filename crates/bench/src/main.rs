//! `score-bench`: how fast the Score controllers are, compared with writers that need not think, and the pod-set planner,
//! compared with the scheduler alone.

mod args;
mod audit;
mod bench;
mod cleanup;
mod error;
#[cfg(test)]
mod fixtures;
mod goals;
mod kinds;
mod meter;
mod podsets;
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

use std::path::Path;

use anyhow::Context;
use clap::Parser;
use kube::Client;
use serde::Serialize;

use crate::args::{Args, Command};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let client = Client::try_default().await.context("no cluster: set KUBECONFIG")?;
    match args.command {
        Command::Workloads(args) => {
            let report = bench::run(&args, client).await?;
            publish(&table::render(&report), &report, args.run.json.as_deref())
        }
        Command::PodSets(args) => {
            let report = podsets::run(&args, client).await?;
            publish(&podsets::render(&report), &report, args.run.json.as_deref())
        }
    }
}

/// Prints a report, and writes it to a file if one is named.
fn publish(text: &str, report: &impl Serialize, path: Option<&Path>) -> anyhow::Result<()> {
    println!("{text}");
    let Some(path) = path else { return Ok(()) };
    let json = serde_json::to_vec_pretty(report).context("the report as JSON")?;
    std::fs::write(path, json).with_context(|| format!("write {}", path.display()))
}
