//! Who wrote what, from the audit log of the local cluster's API server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use serde::Deserialize;

use crate::wait::eventually;
use crate::{Place, Result, cluster, controllers};

/// The API server writes its log in batches, up to half a minute late.
const LATE: Duration = Duration::from_secs(240);

/// A write that the API server has answered.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub struct Write {
    /// When it was answered.
    pub stage_timestamp: Timestamp,
    /// Who wrote.
    pub user: User,
    /// `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// What was written.
    #[serde(default)]
    pub object_ref: ObjectRef,
    /// What the API server said to it.
    #[serde(default)]
    pub response_status: ResponseStatus,
}

/// What the API server said to a write.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(default)]
pub struct ResponseStatus {
    /// The HTTP status.
    pub code: u16,
    /// Why it was refused; empty if it was not.
    pub message: String,
}

impl Write {
    /// Whether what was written could not be taken, or was not allowed. A write of what has changed meanwhile is no such
    /// refusal: it is made again.
    pub fn was_refused(&self) -> bool {
        matches!(self.response_status.code, 400 | 403 | 422)
    }
}

/// Who wrote.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct User {
    /// For a pod, `system:serviceaccount:<namespace>:<name>`.
    pub username: String,
}

/// What was written.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(default)]
pub struct ObjectRef {
    /// The plural of the kind.
    pub resource: String,
    /// For example `status`.
    pub subresource: String,
    /// The namespace.
    pub namespace: String,
    /// The name; empty where the API server chose it.
    pub name: String,
}

/// A moment in the log. Times in the log are those of the API server, so a window is between two of its own lines.
#[derive(Clone, Debug)]
pub struct Mark(String);

/// Puts a mark into the log: a write that changes nothing.
///
/// # Errors
/// The API server does not answer.
pub async fn mark(place: &Place) -> Result<Mark> {
    let name = format!("mark-{:016x}", rand::random::<u64>());
    let params = PatchParams { dry_run: true, ..PatchParams::apply("e2e") };
    let mark = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    place.api::<ConfigMap>().patch(&name, &params, &Patch::Apply(mark)).await?;
    Ok(Mark(name))
}

/// How long nobody may write while nothing changes: `E2E_QUIET_SECONDS`.
///
/// # Errors
/// It is no number.
pub fn quiet_window() -> Result<Duration> {
    let seconds = std::env::var("E2E_QUIET_SECONDS").unwrap_or_else(|_| "120".to_owned());
    Ok(Duration::from_secs(seconds.parse()?))
}

/// The writes of these controllers between two marks, in order, renewals of their leases aside. Refused ones count as
/// well.
///
/// # Errors
/// There is no audit log, or the marks are not in it.
pub async fn writes_of(controllers: &[&str], from: &Mark, to: &Mark) -> Result<Vec<Write>> {
    let folder = cluster::local_state()?;
    let log = eventually("both marks are in the audit log", LATE, async || {
        let log = read(&folder)?;
        Ok((at(&log, from).is_some() && at(&log, to).is_some()).then_some(log))
    })
    .await?;
    let (Some(from), Some(to)) = (at(&log, from), at(&log, to)) else { return Ok(vec![]) };
    let in_window = |write: &Write| write.stage_timestamp > from && write.stage_timestamp < to;
    let mut writes: Vec<Write> =
        log.into_iter().filter(|write| in_window(write) && is_counted(controllers, write)).collect();
    writes.sort();
    Ok(writes)
}

fn at(log: &[Write], mark: &Mark) -> Option<Timestamp> {
    log.iter().find(|write| write.object_ref.name == mark.0).map(|write| write.stage_timestamp)
}

fn is_counted(controllers: &[&str], write: &Write) -> bool {
    let of_a_controller = controllers.iter().any(|name| write.user.username == account(name));
    of_a_controller && write.object_ref.resource != "leases"
}

/// The user name of a controller's service account.
pub fn account(controller: &str) -> String {
    format!("system:serviceaccount:{}:{controller}", controllers::namespace_of(controller))
}

/// The log with its older part: the API server begins a new file when one is full.
fn read(folder: &Path) -> Result<Vec<Write>> {
    let mut writes = Vec::new();
    for path in files(folder)? {
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("no audit log {}", path.display()))?;
        // The last line may be half written.
        writes.extend(text.lines().filter_map(|line| serde_json::from_str::<Write>(line).ok()));
    }
    Ok(writes)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let is_log = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with("audit") && name.ends_with(".log")
    };
    let entries = std::fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    Ok(entries.into_iter().map(|entry| entry.path()).filter(is_log).collect())
}

/// `user verb resource` with how often, for messages.
pub fn summary(writes: &[Write]) -> String {
    let mut counts = BTreeMap::<String, usize>::new();
    for Write { user, verb, object_ref: ObjectRef { resource, subresource, namespace, name }, .. } in writes {
        let what = format!("{} {verb} {resource}/{subresource} {namespace}/{name}", user.username);
        *counts.entry(what).or_default() += 1;
    }
    counts.iter().map(|(what, count)| format!("{count} × {what}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(user: &str, resource: &str) -> Write {
        let line = serde_json::json!({
            "kind": "Event", "stage": "ResponseComplete", "verb": "patch", "user": {"username": user, "uid": "1"},
            "objectRef": {"resource": resource, "namespace": "shop", "name": "web", "apiVersion": "v1b1"},
            "stageTimestamp": "2026-01-01T00:00:00.123456Z",
        });
        serde_json::from_value(line).unwrap()
    }

    #[test]
    fn only_what_controllers_write_is_counted_and_leases_are_not() {
        let orchestrator = account("score-orchestrator");
        let is_counted = |write: &Write| is_counted(&controllers::NAMES, write);
        assert!(is_counted(&line(&orchestrator, "workloadplans")));
        assert!(!is_counted(&line(&orchestrator, "leases")));
        assert!(!is_counted(&line("kubernetes-admin", "workloads")));
        assert!(!is_counted(&line("system:serviceaccount:score-system:default", "workloads")));
        assert!(!is_counted(&line(&account(controllers::PLANNER), "scheduletriggers")));
    }

    #[test]
    fn what_the_api_server_could_not_take_or_did_not_allow_was_refused() {
        let with_code = |code: u16| {
            let mut write = line("a", "pods");
            write.response_status.code = code;
            write.was_refused()
        };
        assert_eq!(
            [200, 201, 404, 409, 400, 403, 422].map(with_code),
            [false, false, false, false, true, true, true]
        );
    }

    #[test]
    fn equal_writes_are_summed_up() {
        let writes = vec![line("a", "pods"), line("a", "pods"), line("b", "pods")];
        assert_eq!(summary(&writes), "2 × a patch pods/ shop/web\n1 × b patch pods/ shop/web\n");
    }
}
