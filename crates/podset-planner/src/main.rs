//! `podset-planner`: holds the pods of a set, plans them together and releases them as planned.

use std::{
    io::{stderr, stdout},
    process::ExitCode,
};

use clap::Parser as _;
use podset_planner::{Args, Command, DEFINITION, extender, serve, start_with, verify};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    match Args::parse().command {
        Command::Manager(args) => {
            controller_kit::run(DEFINITION, args.kit, |kit| start_with(kit, args.ask)).await?;
        }
        Command::Planner(args) => {
            let address = args.planner_listen;
            controller_kit::run(serve::DEFINITION, args.process.kit(), |kit| serve::start(kit, address))
                .await?;
        }
        Command::Extender(args) => {
            let address = args.extender_listen;
            let kit = args.process.kit();
            controller_kit::run(extender::DEFINITION, kit, |kit| extender::start(kit, address)).await?;
        }
        Command::Verify(args) => return Ok(verify::run(&args, &mut stdout(), &mut stderr()).await?),
    }
    Ok(ExitCode::SUCCESS)
}
