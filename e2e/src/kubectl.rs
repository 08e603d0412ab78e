//! The real kubectl, for what users see of it.

use std::process::Stdio;

use anyhow::{Context as _, ensure};
use tokio::process::Command;

use crate::Result;

/// What `kubectl` prints for these arguments.
///
/// # Errors
/// It is not installed, or ends with an error: then what it says.
pub async fn kubectl(args: &[&str]) -> Result<String> {
    run(Command::new("kubectl").args(args)).await
}

/// Runs a command to its end and gives its output.
///
/// # Errors
/// It cannot be started, or ends with an error: then what it says.
pub async fn run(command: &mut Command) -> Result<String> {
    let shown = format!("{:?}", command.as_std());
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.with_context(|| format!("{shown} cannot be started"))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{shown} ended with {}\n{out}{err}", output.status);
    Ok(out.into_owned())
}
