//! The `score-runtime-kubernetes` binary.

use std::process::ExitCode;

use clap::Parser as _;
use runtime_kubernetes::{Args, Command, DEFINITION, join, start};

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    match &args.command {
        Some(Command::JoinFiles { from, to }) => Ok(join::run(from, to)),
        None => control(args).map(|()| ExitCode::SUCCESS),
    }
}

#[tokio::main]
async fn control(args: Args) -> anyhow::Result<()> {
    controller_kit::run(DEFINITION, args.kit.clone(), |kit| start(kit, args.runtime)).await?;
    Ok(())
}
