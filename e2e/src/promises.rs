//! What holds for every version of every Workload, whatever happens to it. Pure.

use std::collections::BTreeMap;

use api_types::{ClaimPhase, ConditionType, Reason, Workload, WorkloadStatus};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use regex::Regex;

/// The conditions that `Ready` is made of, in order.
const PARTS: [ConditionType; 3] =
    [ConditionType::InputsValid, ConditionType::ClaimsReady, ConditionType::RuntimeReady];
/// Words of the platform's inside, which users do not have to know.
const RUNTIME_NOUNS: &str = r"(?ix) \b ( pods? | deployments? | replica\s?sets? | stateful\s?sets? | daemon\s?sets?
    | (cron\s?)? jobs?
    | service\s?accounts? | services? | secrets? | config\s?maps? | nodes? | kubelets? | container\s?runtimes?
    | containerd | persistent\s?volume(\s?claim)?s? | pvcs? | endpoint\s?slices? | backoff | crashloopbackoff
    | imagepullbackoff | errimagepull ) \b";

/// What the versions (of any number of Workloads, each in its order) break of what users are promised.
pub fn broken<'a>(versions: impl IntoIterator<Item = &'a Workload>) -> Vec<String> {
    let mut broken = Vec::new();
    let mut observed = BTreeMap::new();
    for workload in versions {
        let Some(status) = &workload.status else { continue };
        let mut found = of_status(status);
        let generation = workload.metadata.generation;
        if status.observed_generation > generation {
            found.push(format!("observes generation {:?} of {generation:?}", status.observed_generation));
        }
        let before = observed.insert(workload.uid(), status.observed_generation).flatten();
        if before > status.observed_generation {
            found.push(format!("goes back from generation {before:?} to {:?}", status.observed_generation));
        }
        let version = format!("{} at {:?}", workload.name_any(), workload.resource_version());
        broken.extend(found.into_iter().map(|what| format!("{version}: {what}")));
    }
    broken
}

/// What the events on Workloads break of it, of all `events` of a namespace.
pub fn broken_by_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<String> {
    let is_on_workload = |event: &&Event| {
        event.regarding.as_ref().is_some_and(|object| object.kind.as_deref() == Some("Workload"))
    };
    events.into_iter().filter(is_on_workload).flat_map(of_event).collect()
}

fn of_event(event: &Event) -> Vec<String> {
    let (what, reason) = (format!("event {}", event.name_any()), event.reason.as_deref().unwrap_or_default());
    let mut broken = of_message(&what, event.note.as_deref().unwrap_or_default());
    if reason.parse::<Reason>().is_err() {
        broken.push(format!("{what} has the reason {reason}, which is not in the contract"));
    }
    broken
}

fn of_status(status: &WorkloadStatus) -> Vec<String> {
    let mut broken: Vec<String> = status.conditions.iter().flat_map(|c| of_condition(c, status)).collect();
    broken.extend(of_ready(status));
    broken.extend(of_endpoint(status.endpoint.as_deref()));
    for claim in &status.claims {
        let what = format!("claim {}", claim.key);
        broken.extend(of_message(&what, claim.message.as_deref().unwrap_or_default()));
        if claim.outputs_available && claim.phase != ClaimPhase::Bound {
            broken.push(format!("{what} has outputs and is {}", claim.phase));
        }
    }
    broken
}

fn of_condition(condition: &Condition, status: &WorkloadStatus) -> Vec<String> {
    let Condition { type_, status: holds, reason, message, observed_generation, .. } = condition;
    let mut broken = of_message(type_, message);
    if type_.parse::<ConditionType>().is_err() {
        broken.push(format!("{type_} is no condition type of the contract"));
    }
    if reason.parse::<Reason>().is_err() {
        broken.push(format!("{type_} has the reason {reason}, which is not in the contract"));
    }
    if (holds == "True") != (reason == &Reason::Succeeded.to_string()) {
        broken.push(format!("{type_} is {holds} with the reason {reason}"));
    }
    if holds != "True" && message.is_empty() {
        broken.push(format!("{type_} is {holds} and says nothing"));
    }
    if *observed_generation != status.observed_generation {
        broken
            .push(format!("{type_} observes {observed_generation:?}, not {:?}", status.observed_generation));
    }
    broken
}

/// `Ready` is True when its parts are, else it has the reason of the first that is not.
fn of_ready(status: &WorkloadStatus) -> Option<String> {
    let find = |type_: ConditionType| status.conditions.iter().find(|c| c.type_ == type_.to_string());
    let Some(ready) = find(ConditionType::Ready) else { return Some("has no condition Ready".to_owned()) };
    let first = PARTS.into_iter().find(|part| find(*part).is_none_or(|part| part.status != "True"));
    let expected = first.map(|part| find(part).map_or("", |part| &part.reason));
    match (ready.status.as_str(), expected) {
        ("True", None) => None,
        ("False", Some(reason)) if reason == ready.reason => None,
        _ => Some(format!("is Ready={}/{} while its parts say {expected:?}", ready.status, ready.reason)),
    }
}

fn of_endpoint(endpoint: Option<&str>) -> Option<String> {
    let endpoint = endpoint?;
    match url::Url::parse(endpoint) {
        Ok(url) if url.host_str().is_some_and(|host| host != "localhost") => None,
        _ => Some(format!("has the endpoint {endpoint:?}, which nobody can use")),
    }
}

fn of_message(what: &str, message: &str) -> Vec<String> {
    let nouns = runtime_nouns(message);
    if nouns.is_empty() { vec![] } else { vec![format!("{what} speaks of {nouns:?}: {message}")] }
}

/// The runtime nouns in a message for users. What is quoted, and names with dots, slashes or hyphens (field paths,
/// images, the user's own names), are not words.
pub fn runtime_nouns(message: &str) -> Vec<String> {
    let (Ok(quoted), Ok(nouns)) = (Regex::new("`[^`]*`|'[^']*'|\"[^\"]*\""), Regex::new(RUNTIME_NOUNS))
    else {
        return vec!["the patterns of the test are broken".to_owned()];
    };
    let plain = quoted.replace_all(message, " … ");
    let is_word =
        |token: &&str| !token.trim_end_matches(['.', ',', ':', ';', '!', '?']).contains(['.', '/', '-', '_']);
    let words: Vec<&str> = plain.split_whitespace().filter(is_word).collect();
    nouns.find_iter(&words.join(" ")).map(|found| found.as_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(observed: i64, conditions: &[(&str, &str, &str, &str)]) -> Workload {
        let conditions: Vec<_> = conditions
            .iter()
            .map(|(type_, status, reason, message)| {
                serde_json::json!({"type": type_, "status": status, "reason": reason, "message": message,
                    "observedGeneration": observed, "lastTransitionTime": "2026-01-01T00:00:00Z"})
            })
            .collect();
        serde_json::from_value(serde_json::json!({
            "apiVersion": "score.dev/v1b1", "kind": "Workload",
            "metadata": {"name": "web", "generation": 2, "uid": "1"}, "spec": {"containers": {}},
            "status": {"observedGeneration": observed, "conditions": conditions, "endpoint": "http://web.shop:80"},
        }))
        .unwrap()
    }

    fn ready() -> Workload {
        let names = ["Ready", "InputsValid", "ClaimsReady", "RuntimeReady"];
        workload(2, &names.map(|name| (name, "True", "Succeeded", "")))
    }

    fn waiting(reason: &str, message: &str) -> Workload {
        workload(
            2,
            &[
                ("Ready", "False", reason, message),
                ("InputsValid", "True", "Succeeded", ""),
                ("ClaimsReady", "True", "Succeeded", ""),
                ("RuntimeReady", "False", "RuntimeProvisioning", message),
            ],
        )
    }

    #[test]
    fn a_workload_that_keeps_its_promises_is_not_complained_about() {
        assert_eq!(broken([&waiting("RuntimeProvisioning", "Starting."), &ready()]), [""; 0]);
    }

    #[test]
    fn ready_must_say_what_its_parts_say() {
        assert_eq!(broken([&waiting("BindingPending", "Starting.")]).len(), 1);
        let mut lies = waiting("RuntimeProvisioning", "Starting.");
        lies.status.as_mut().unwrap().conditions[0].status = "True".into();
        assert!(!broken([&lies]).is_empty());
    }

    #[test]
    fn a_reason_outside_the_vocabulary_is_noticed() {
        let mut lies = waiting("Broken", "Starting.");
        lies.status.as_mut().unwrap().conditions[3].reason = "Broken".into();
        assert!(
            broken([&lies]).iter().any(|what| what.contains("not in the contract")),
            "{:?}",
            broken([&lies])
        );
    }

    #[test]
    fn a_condition_that_is_not_true_has_something_to_say() {
        assert!(
            broken([&waiting("RuntimeProvisioning", "")]).iter().all(|what| what.contains("says nothing"))
        );
    }

    #[test]
    fn observed_generations_never_go_back_and_never_run_ahead() {
        let older = workload(1, &[]);
        assert!(broken([&ready(), &older]).iter().any(|what| what.contains("goes back")));
        assert!(broken([&workload(3, &[])]).iter().any(|what| what.contains("observes generation")));
    }

    #[test]
    fn a_later_workload_of_the_same_name_begins_anew() {
        let mut later = workload(1, &[]);
        later.metadata.uid = Some("2".into());
        assert!(!broken([&ready(), &later]).iter().any(|what| what.contains("goes back")));
    }

    #[test]
    fn an_endpoint_on_localhost_helps_nobody() {
        assert_eq!(of_endpoint(Some("http://web.shop.svc:80")), None);
        assert!(of_endpoint(Some("http://localhost:80")).is_some());
        assert!(of_endpoint(Some("web:80")).is_some());
    }

    #[test]
    fn an_event_on_a_workload_speaks_as_its_status_does() {
        let event = |kind: &str, reason: &str, note: &str| -> Event {
            serde_json::from_value(serde_json::json!({
                "metadata": {"name": "e"}, "eventTime": null, "regarding": {"kind": kind}, "reason": reason, "note": note,
            }))
            .unwrap()
        };
        let right = event("Workload", "RuntimeDegraded", "Container `main` ends.");
        let of_others = event("Pod", "BackOff", "Back-off restarting failed container in pod web");
        assert_eq!(broken_by_events([&right, &of_others]), [""; 0]);
        let raw = event("Workload", "ReconcileFailed", "serviceaccount x cannot patch pods");
        assert_eq!(broken_by_events([&raw]).len(), 2);
    }

    #[test]
    fn runtime_nouns_are_found_as_whole_words_whatever_their_case() {
        for (message, expected) in [
            ("The Pod is gone.", "Pod"),
            ("2 pods, of 3", "pods"),
            ("no service account", "service account"),
            ("secrets: none", "secrets"),
            ("a ReplicaSet failed", "ReplicaSet"),
        ] {
            assert_eq!(runtime_nouns(message), [expected], "{message}");
        }
    }

    #[test]
    fn the_users_own_names_and_fields_are_no_runtime_nouns() {
        for message in [
            "spec.service.ports[0].name: is taken",
            "Container `node` of node-postgres-app ends",
            "image 'registry/pod:1' cannot be fetched: correct the name.",
            "Podium, nodejs and secretary are other words",
        ] {
            assert_eq!(runtime_nouns(message), [""; 0], "{message}");
        }
    }
}
