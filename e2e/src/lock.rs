//! Who may run at the same time. Most tests may; one that counts writes or kills controllers must be alone on the
//! cluster, also when several test binaries run at once.

use std::fs::File;

use anyhow::Context as _;

use crate::Result;

/// Held while a test runs; the operating system gives it back also when the process is killed.
pub struct Lock(#[allow(dead_code, reason = "held, not read")] File);

/// With others that share.
///
/// # Errors
/// The lock file cannot be opened.
pub async fn shared() -> Result<Lock> {
    locked(File::lock_shared).await
}

/// With nobody else.
///
/// # Errors
/// The lock file cannot be opened.
pub async fn exclusive() -> Result<Lock> {
    locked(File::lock).await
}

async fn locked(lock: fn(&File) -> std::io::Result<()>) -> Result<Lock> {
    // The tests of another cluster are no business of these.
    let cluster: String = std::env::var("KUBECONFIG").unwrap_or_default();
    let cluster = cluster.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let path = std::env::temp_dir().join(format!("score-e2e{cluster}.lock"));
    let file = File::options().create(true).append(true).open(&path);
    let file = file.with_context(|| format!("failed to open {}", path.display()))?;
    tokio::task::spawn_blocking(move || lock(&file).map(|()| Lock(file))).await?.context("failed to lock")
}
