//! Quiet means zero writes. This binary holds one test, which runs alone.

use std::time::Duration;

use anyhow::ensure;
use e2e::{Context, Result, alone, audit, controllers};

/// What follows Ready within moments, such as an event, still belongs to the change.
const SETTLE: Duration = Duration::from_secs(5);

fn window() -> Result<Duration> {
    let seconds = std::env::var("E2E_QUIET_SECONDS").unwrap_or_else(|_| "120".to_owned());
    Ok(Duration::from_secs(seconds.parse()?))
}

#[tokio::test]
async fn while_nothing_changes_no_controller_writes_anything() -> Result {
    alone("quiet", async |context: Context| {
        let window = window()?;
        let start = audit::mark(&context).await?;
        context.apply_file("docs/examples/hello/workload.yaml").await?;
        context.apply_file("docs/examples/node-postgres/workload.yaml").await?;
        tokio::try_join!(context.wait_ready("hello-web"), context.wait_ready("node-postgres-app"))?;
        // Time itself is what is tested here.
        tokio::time::sleep(SETTLE).await;
        let settled = audit::mark(&context).await?;
        tokio::time::sleep(window).await;
        let end = audit::mark(&context).await?;
        let busy = audit::controllers_writes(&start, &settled).await?;
        for name in controllers::NAMES {
            let wrote = busy.iter().any(|write| write.user.username == audit::account(name));
            ensure!(wrote, "the audit log shows no write by {name} even while it worked: nothing was tested");
        }
        let quiet = audit::controllers_writes(&settled, &end).await?;
        ensure!(quiet.is_empty(), "in {window:?} without a change:\n{}", audit::summary(&quiet));
        Ok(())
    })
    .await
}
