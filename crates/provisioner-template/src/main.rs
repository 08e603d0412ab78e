//! The `score-provisioner-template` binary.

use clap::Parser as _;
use provisioner_template::{Args, DEFINITION, start};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    controller_kit::run(DEFINITION, args.kit.clone(), |kit| start(kit, args)).await?;
    Ok(())
}
