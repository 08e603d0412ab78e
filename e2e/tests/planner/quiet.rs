//! Quiet means zero writes.

use std::time::Duration;

use anyhow::ensure;
use e2e::podsets::{PodSets, SET, alone, cores, other_gate, planned};
use e2e::{Result, audit, controllers};
use serde_json::json;

/// What follows a change within moments, such as an event, still belongs to it.
const SETTLE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn while_nothing_changes_the_planner_writes_nothing_whatever_its_sets_wait_for() -> Result {
    let window = audit::quiet_window()?;
    alone("quiet", async |sets: PodSets| {
        let start = audit::mark(&sets).await?;
        sets.nodes(2, 4).await?;
        sets.trigger(SET, json!({"state": "Schedule"})).await?;
        sets.trigger("held", json!({"state": "Planning"})).await?;
        sets.trigger("gang", json!({"state": "Schedule", "atomicity": "Gang"})).await?;
        sets.create([
            sets.pod("bound", SET, json!({})),
            // Its room stays reserved, as long as somebody else holds it.
            sets.pod("reserved", "reserved", other_gate()),
            sets.pod("held", "held", json!({})),
            sets.pod("without-room", "gang", cores(64)),
            sets.pod("without-trigger", "nobody", json!({})),
        ])
        .await?;
        sets.trigger("reserved", json!({"state": "Schedule"})).await?;
        sets.until_bound(1).await?;
        sets.until_pod("reserved", "reserved", |pod| planned(pod).is_some()).await?;
        sets.until_told("held", "held by trigger").await?;
        sets.until_told("without-room", "no node takes it").await?;
        sets.until_told("without-trigger", "no ScheduleTrigger").await?;
        // Time itself is what is tested here.
        tokio::time::sleep(SETTLE).await;
        let settled = audit::mark(&sets).await?;
        tokio::time::sleep(window).await;
        let end = audit::mark(&sets).await?;
        let busy = audit::writes_of(&[controllers::PLANNER], &start, &settled).await?;
        ensure!(!busy.is_empty(), "the audit log shows no write even while it worked: nothing was tested");
        let quiet = audit::writes_of(&[controllers::PLANNER], &settled, &end).await?;
        ensure!(quiet.is_empty(), "in {window:?} without a change:\n{}", audit::summary(&quiet));
        Ok(())
    })
    .await
}
