//! Who wrote what, from the API server's audit log.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::DeleteParams;
use kube::{Api, Client};
use serde::Deserialize;

use crate::error::BenchError;

/// How long a request may take to show up in the log.
const DELAY: Duration = Duration::from_secs(20);

/// A request that asked for a change, whatever it was answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Write {
    /// Who asked.
    pub(crate) user: String,
    /// In which namespace; empty where there is none.
    pub(crate) namespace: String,
    /// What was to change, such as `deployments` or `workloads/status`.
    pub(crate) resource: String,
    /// The object's name; empty where the request did not give it.
    pub(crate) name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    verb: String,
    user: User,
    object_ref: Option<ObjectRef>,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectRef {
    resource: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    subresource: Option<String>,
}

/// The write that a line of the log tells of, if it is one. Leases are renewed for ever and by everybody: they say
/// nothing about what is measured and are left out.
fn parse(line: &str) -> Option<Write> {
    let event: Event = serde_json::from_str(line).ok()?;
    let object = event.object_ref?;
    let writes = ["create", "update", "patch", "delete", "deletecollection"].contains(&event.verb.as_str());
    if !writes || object.resource == "leases" {
        return None;
    }
    let resource = match object.subresource {
        Some(subresource) => format!("{}/{subresource}", object.resource),
        None => object.resource,
    };
    Some(Write { user: event.user.username, namespace: object.namespace, resource, name: object.name })
}

/// Reads the log from where the last reading ended.
pub(crate) struct AuditLog {
    path: PathBuf,
    offset: u64,
    /// The beginning of a line whose end is not written yet.
    partial: Vec<u8>,
    marks: Api<ConfigMap>,
    next_mark: u32,
}

impl AuditLog {
    /// The log from its present end on. The marks that separate one reading from the next are deletions of objects
    /// in `namespace` that do not exist.
    pub(crate) fn open(path: &Path, client: &Client, namespace: &str) -> Result<Self, BenchError> {
        let offset =
            path.metadata().map_err(|source| BenchError::File { path: path.to_owned(), source })?.len();
        let marks = Api::namespaced(client.clone(), namespace);
        Ok(Self { path: path.to_owned(), offset, partial: Vec::new(), marks, next_mark: 0 })
    }

    /// All writes that were answered since the last call. The log is written in the order of the answers, so it is
    /// complete as soon as a request that was answered last shows up.
    pub(crate) async fn writes(&mut self) -> Result<Vec<Write>, BenchError> {
        let mark = self.make_mark().await?;
        let began = Instant::now();
        let mut writes = Vec::new();
        while began.elapsed() < DELAY {
            writes.extend(self.read_lines()?.iter().filter_map(|line| parse(line)));
            if let Some(position) = writes.iter().position(|write| write.name == mark) {
                writes.remove(position);
                return Ok(writes);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(BenchError::NotAudited { path: self.path.clone(), seconds: DELAY.as_secs() })
    }

    async fn make_mark(&mut self) -> Result<String, BenchError> {
        self.next_mark += 1;
        let mark = format!("score-bench-mark-{}-{}", std::process::id(), self.next_mark);
        match self.marks.delete(&mark, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(mark),
            Err(error) => Err(BenchError::api("mark a point in the audit log")(error)),
            Ok(_) => Err(BenchError::Shape(format!("there was a ConfigMap {mark}"))),
        }
    }

    fn read_lines(&mut self) -> Result<Vec<String>, BenchError> {
        let bytes = self.read_new().map_err(|source| BenchError::File { path: self.path.clone(), source })?;
        let Some(bytes) = bytes else { return Err(BenchError::Rotated { path: self.path.clone() }) };
        self.partial.extend(bytes);
        let complete = self.partial.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines: Vec<u8> = self.partial.drain(..complete).collect();
        Ok(String::from_utf8_lossy(&lines).lines().map(str::to_owned).collect())
    }

    /// What was added to the file; `None` if it is shorter than it was.
    fn read_new(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut file = File::open(&self.path)?;
        if file.metadata()?.len() < self.offset {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        self.offset += file.read_to_end(&mut bytes)? as u64;
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(verb: &str, object_ref: &str) -> String {
        format!(
            r#"{{"kind":"Event","level":"Metadata","verb":"{verb}","user":{{"username":"someone","groups":["all"]}},
            "objectRef":{object_ref},"responseStatus":{{"code":200}}}}"#
        )
    }

    #[test]
    fn a_write_to_a_subresource_is_counted_apart() {
        let write = parse(&line(
            "patch",
            r#"{"resource":"workloads","namespace":"n","name":"w","subresource":"status"}"#,
        ));
        let expected = Write {
            user: "someone".into(),
            namespace: "n".into(),
            resource: "workloads/status".into(),
            name: "w".into(),
        };
        assert_eq!(write, Some(expected));
    }

    #[test]
    fn a_cluster_wide_object_has_no_namespace() {
        assert_eq!(parse(&line("create", r#"{"resource":"nodes"}"#)).unwrap().namespace, "");
    }

    #[test]
    fn reading_is_not_writing() {
        assert_eq!(parse(&line("list", r#"{"resource":"pods"}"#)), None);
    }

    #[test]
    fn renewing_a_lease_does_not_count() {
        assert_eq!(parse(&line("update", r#"{"resource":"leases","namespace":"n","name":"l"}"#)), None);
    }

    #[test]
    fn a_line_that_is_no_event_is_no_write() {
        assert_eq!(parse("{}"), None);
        assert_eq!(parse("not json"), None);
    }
}
