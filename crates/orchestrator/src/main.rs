//! `score-orchestrator`: turns Workloads into claims and plans, and aggregates one status.

use std::{io::stdout, process::ExitCode};

use clap::Parser as _;
use orchestrator::{Args, Command, DEFINITION, validator};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if let Some(Command::Validate(args)) = args.command {
        let valid = validator::validate(&args, &mut stdout())?;
        return Ok(if valid { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    controller_kit::run(DEFINITION, args.kit, |kit| orchestrator::start(kit, args.config)).await?;
    Ok(ExitCode::SUCCESS)
}
