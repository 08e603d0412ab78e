//! Quiet means zero writes.

use std::time::Duration;

use anyhow::ensure;
use e2e::busybox::workload;
use e2e::platform::{CACHED, configure, configured, offering, shipped_type};
use e2e::{Context, Result, alone, audit, controllers};

/// What follows Ready within moments, such as an event, still belongs to the change.
const SETTLE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn while_nothing_changes_no_controller_writes_anything() -> Result {
    alone("quiet", async |context: Context| {
        configured(&context, async { nothing_is_written(&context).await }).await
    })
    .await
}

async fn nothing_is_written(context: &Context) -> Result {
    let window = audit::quiet_window()?;
    let start = audit::mark(context).await?;
    configure(context, "1.0.0", &offering(&[shipped_type("redis")?])).await?;
    context.apply_file("docs/examples/hello/workload.yaml").await?;
    context.apply_file("docs/examples/node-postgres/workload.yaml").await?;
    context.apply(&workload("cached", CACHED)).await?;
    tokio::try_join!(
        context.wait_ready("hello-web"),
        context.wait_ready("node-postgres-app"),
        context.wait_ready("cached")
    )?;
    // Time itself is what is tested here.
    tokio::time::sleep(SETTLE).await;
    let settled = audit::mark(context).await?;
    tokio::time::sleep(window).await;
    let end = audit::mark(context).await?;
    let busy = audit::writes_of(&controllers::NAMES, &start, &settled).await?;
    for name in controllers::NAMES {
        let wrote = busy.iter().any(|write| write.user.username == audit::account(name));
        ensure!(wrote, "the audit log shows no write by {name} even while it worked: nothing was tested");
    }
    let quiet = audit::writes_of(&controllers::NAMES, &settled, &end).await?;
    ensure!(quiet.is_empty(), "in {window:?} without a change:\n{}", audit::summary(&quiet));
    Ok(())
}
