//! `score-orchestrator`: turns Workloads into claims and plans, and aggregates one status.

use clap::Parser as _;
use orchestrator::{Args, DEFINITION};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    controller_kit::run(DEFINITION, args.kit, |kit| orchestrator::start(kit, args.config)).await?;
    Ok(())
}
