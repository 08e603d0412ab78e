//! Whose databases are on a server: some may be of claims that are gone.
//!
//! Nobody waits for the provisioner when a claim goes whose database stays, so it may have missed that. The Secret with the
//! credentials says so then, and the mark on the server is what leads to it.

use std::time::Duration;

use provisioner_kit::Identity;

use super::{OnServer, connect::Server, failure::Failure, names::Mark};

/// How often whoever is on a server is looked over.
const PAUSE: Duration = Duration::from_secs(600);

const MARKS: &str = "
SELECT DISTINCT description FROM pg_shdescription
WHERE classoid = 'pg_authid'::regclass AND description LIKE 'score.dev claim %'";

impl OnServer {
    /// Tells of the claims that have something on `server`, now and then. It is of no concern to the claim at hand.
    pub(super) async fn survey(&self, server: &Server) {
        if !server.is_survey_due(PAUSE) {
            return;
        }
        match claims_on(server).await {
            Ok(claims) => self.leftovers.suspect(claims),
            Err(failure) => {
                tracing::debug!(error = &failure as &dyn std::error::Error, "could not look over a server");
            }
        }
    }
}

/// The claims, of this and of other clusters, whose mark is on `server`.
async fn claims_on(server: &Server) -> Result<Vec<Identity>, Failure> {
    let rows = server.work(async |client| Ok(client.query(MARKS, &[]).await?)).await?;
    let marks: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    Ok(marks.iter().filter_map(|mark| Mark::read(mark)).map(Mark::claim).collect())
}
