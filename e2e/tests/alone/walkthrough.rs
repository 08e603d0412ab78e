//! The guides cannot rot: what they say is what is run.

use std::time::Duration;

use e2e::{Result, apply, cluster, guide, lock};

const PAGE: &str = "docs/getting-started.md";
const SCORE_FILES: &str = "docs/score-files.md";

#[test]
fn every_command_of_the_guides_stands_where_it_is_run() {
    for page in [PAGE, SCORE_FILES] {
        let blocks = guide::blocks(&apply::repository_file(page).unwrap()).unwrap();
        assert!(blocks.iter().any(|block| block.language == "sh"), "{page}");
    }
}

#[tokio::test]
async fn the_guide_works_from_its_first_command_to_its_last() -> Result {
    works(PAGE).await
}

#[tokio::test]
async fn the_guide_to_score_files_works_from_its_first_command_to_its_last() -> Result {
    works(SCORE_FILES).await
}

async fn works(page: &str) -> Result {
    let _lock = lock::exclusive().await?;
    guide::run(&apply::repository_file(page)?, &cluster::repository(), Duration::from_secs(600)).await
}
