//! `podset-planner`: holds the pods of a set, plans them together and releases them as planned.

use std::{
    io::{stderr, stdout},
    process::ExitCode,
};

use clap::Parser as _;
use podset_planner::{Args, Command, DEFINITION, start, verify};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    match Args::parse().command {
        Command::Manager(args) => controller_kit::run(DEFINITION, args.kit, start).await?,
        Command::Verify(args) => return Ok(verify::run(&args, &mut stdout(), &mut stderr()).await?),
    }
    Ok(ExitCode::SUCCESS)
}
