//! Whether a claim's database is on the server that its class names: the platform may come to name another one there.
//!
//! Nobody is sent to a server before the database was seen on it, and none is made there in place of one elsewhere.

use api_types::ResourceClaim;
use k8s_openapi::api::core::v1::Secret;
use provisioner_kit::{Answer, Outputs};

use super::{
    Case, Stop, conclude,
    connect::Server,
    deprovision,
    failure::Failure,
    names::Mark,
    record::{self, Record},
    settings::ServerSettings,
};

/// Where a claim's database is, as seen from the server that its class names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// There, if anywhere.
    Known,
    /// There, and it is not written down: the server was moved, or has another name.
    Moved,
    /// Not there, but where this says.
    Elsewhere(String),
}

/// Where the database of `object`, whose Secret is `secret`, is as seen from `server`, which is that of `settings`.
///
/// # Errors
/// If the server does not answer as it should.
pub async fn locate(
    object: &ResourceClaim,
    secret: Option<&Secret>,
    mark: &Mark,
    settings: &ServerSettings,
    server: &Server,
) -> Result<Whereabouts, Failure> {
    let origin = secret.and_then(record::place).or_else(|| handed_out_at(object));
    let Some(origin) = origin.filter(|origin| *origin != settings.server.place()) else {
        return Ok(Whereabouts::Known);
    };
    let base = secret.and_then(Record::read).map(|record| record.base);
    let is_there = deprovision::is_there(server, mark, base.as_ref()).await?;
    Ok(if is_there { Whereabouts::Moved } else { Whereabouts::Elsewhere(origin) })
}

/// Whether the database of `case` can be on the server of its class.
///
/// # Errors
/// The answer if not, or if that cannot be found out now.
pub(super) async fn check(case: &Case<'_>, secret: Option<&Secret>) -> Result<(), Stop> {
    let Case { object, claim, settings, server, .. } = case;
    match locate(object, secret, &Mark::of(claim), settings, server).await {
        Ok(Whereabouts::Known | Whereabouts::Moved) => Ok(()),
        Ok(Whereabouts::Elsewhere(origin)) => Err(conclude::elsewhere(&origin, settings).into()),
        Err(failure) => Err(conclude::failed(&failure, settings, None)),
    }
}

/// `answer` with what `object` was told last, unless it says something else. It is in use, and leads to the database.
pub fn keeping(answer: Answer, object: &ResourceClaim) -> Answer {
    Answer { outputs: answer.outputs.or_else(|| handed_out(object)), ..answer }
}

/// What the claim was told last.
pub fn handed_out(object: &ResourceClaim) -> Option<Outputs> {
    let status = object.status.as_ref()?;
    Some(Outputs { values: status.outputs.clone(), revision: status.outputs_revision.clone()? })
}

/// Where clients were sent, `host:port`. It leads to the database if the Secret is lost.
fn handed_out_at(object: &ResourceClaim) -> Option<String> {
    let value = |name: &str| object.status.as_ref()?.outputs.get(name)?.value.as_ref();
    Some(format!("{}:{}", value("host")?.as_str()?, value("port")?.as_u64()?))
}
