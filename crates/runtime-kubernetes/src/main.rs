//! The `score-runtime-kubernetes` binary.

use clap::Parser as _;
use runtime_kubernetes::{Args, DEFINITION, start};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    controller_kit::run(DEFINITION, args.kit.clone(), |kit| start(kit, args.runtime)).await?;
    Ok(())
}
