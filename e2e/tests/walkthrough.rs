//! The guide cannot rot: what it says is what is run.

use std::time::Duration;

use e2e::{Result, apply, cluster, guide, lock};

const PAGE: &str = "docs/getting-started.md";

#[test]
fn every_command_of_the_guide_stands_where_it_is_run() {
    let blocks = guide::blocks(&apply::repository_file(PAGE).unwrap()).unwrap();
    assert!(blocks.iter().any(|block| block.language == "sh"));
}

#[tokio::test]
async fn the_guide_works_from_its_first_command_to_its_last() -> Result {
    let _lock = lock::exclusive().await?;
    guide::run(&apply::repository_file(PAGE)?, &cluster::repository(), Duration::from_secs(600)).await
}
