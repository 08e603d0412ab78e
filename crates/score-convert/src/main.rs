//! `score-convert`: prints the Workloads of Score files, for `kubectl apply --filename -`.

use std::process::ExitCode;

use clap::Parser as _;
use score_convert::Args;

fn main() -> anyhow::Result<ExitCode> {
    let report = Args::parse().run()?;
    print!("{}", report.stdout);
    eprint!("{}", report.stderr);
    Ok(if report.is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
