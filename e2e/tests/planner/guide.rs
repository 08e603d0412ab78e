//! The guide cannot rot: what it says is what is run.

use std::time::Duration;

use anyhow::ensure;
use e2e::{Result, apply, cluster, guide, lock};

const PAGE: &str = "docs/pod-sets.md";
const WITHIN: Duration = Duration::from_secs(600);
/// The page names the demo's own cluster; the tests may have another.
const THE_DEMOS: &str = "CLUSTER_NAME=planner ";

#[test]
fn every_command_of_the_guide_stands_where_it_is_run() {
    let page = apply::repository_file(PAGE).unwrap();
    assert!(guide::blocks(&page).unwrap().iter().any(|block| block.language == "sh"));
    assert!(page.contains(THE_DEMOS));
}

#[tokio::test]
async fn the_guide_works_from_its_first_command_to_its_last() -> Result {
    let _lock = lock::exclusive().await?;
    ensure!(std::env::var_os("CLUSTER_NAME").is_some(), "set CLUSTER_NAME, as hack/test/e2e.sh does");
    let page = apply::repository_file(PAGE)?.replace(THE_DEMOS, "");
    let outcome = guide::run(&page, &cluster::repository(), WITHIN).await;
    // It ends with removing everything, and other tests want it.
    guide::run("```sh\nmake demo-planner\n```\n", &cluster::repository(), WITHIN).await?;
    outcome
}
