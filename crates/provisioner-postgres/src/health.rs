//! Whether a database runs, and if not, why: what the cluster says, in words for users.
//!
//! A message must not change from one look to the next while nothing has changed for the user: every change is a
//! write. So counters, times and the names of states that alternate are left out.

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{ContainerStatus, Pod, PodStatus},
};
use provisioner_kit::Answer;
use quantity::Quantity;

use crate::settings::Settings;

/// How often a database may stop before it is said to keep stopping. Once may be a lost node.
const RESTARTS_THAT_ARE_A_PATTERN: i32 = 2;

/// Whether the current description of the database is rolled out and its readiness probe passes.
pub fn serves(database: &StatefulSet) -> bool {
    let Some(status) = &database.status else { return false };
    status.observed_generation >= database.metadata.generation
        && status.current_revision == status.update_revision
        && status.ready_replicas.unwrap_or(0) >= 1
}

/// What to say of a database that does not serve.
pub fn not_serving(pod: Option<&Pod>, refusal: Option<&str>, settings: &Settings) -> Answer {
    let problem = match pod.and_then(|pod| pod.status.as_ref()) {
        Some(status) => unschedulable(status, settings).or_else(|| container_problem(status, settings)),
        None => refusal.map(|message| refused(message, settings)),
    };
    problem.unwrap_or_else(|| Answer::binding("PostgreSQL is starting"))
}

fn unschedulable(status: &PodStatus, settings: &Settings) -> Option<Answer> {
    let condition = status.conditions.as_ref()?.iter().find(|condition| {
        condition.type_ == "PodScheduled" && condition.reason.as_deref() == Some("Unschedulable")
    })?;
    let message = condition.message.as_deref().unwrap_or_default().to_ascii_lowercase();
    Some(Answer::binding(
        if message.contains("persistentvolumeclaim") || message.contains("persistent volume") {
            format!("{} cannot be provided yet: ask your platform team if this lasts", volume(settings))
        } else {
            format!(
                "there is no room for PostgreSQL now: it needs {}; free capacity, or ask your platform team for more",
                compute(settings)
            )
        },
    ))
}

fn container_problem(status: &PodStatus, settings: &Settings) -> Option<Answer> {
    let container = status.container_statuses.as_ref()?.first()?;
    let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
    match waiting.and_then(|waiting| waiting.reason.as_deref()) {
        Some(
            "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull"
            | "ImageInspectError",
        ) => Some(Answer::failed(format!(
            "the PostgreSQL image `{}` cannot be fetched: ask your platform team to check its name and the access to it",
            settings.image
        ))),
        Some("CreateContainerConfigError" | "CreateContainerError" | "RunContainerError") => {
            Some(Answer::failed(
                "PostgreSQL cannot be started with the platform's settings: ask your platform team to look at the database",
            ))
        }
        _ => keeps_stopping(container),
    }
}

fn keeps_stopping(container: &ContainerStatus) -> Option<Answer> {
    (!container.ready && container.restart_count >= RESTARTS_THAT_ARE_A_PATTERN).then(|| {
        let killed = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        match killed.and_then(|killed| killed.reason.as_deref()) {
            Some("OOMKilled") => Answer::failed(
                "PostgreSQL keeps running out of memory: ask your platform team for a class with more",
            ),
            _ => Answer::failed(
                "PostgreSQL keeps stopping right after its start: ask your platform team to look at its log",
            ),
        }
    })
}

/// What to say when the API server, or a controller of Kubernetes, was not allowed to make something. `message` is
/// what the API server answered.
pub fn refused(message: &str, settings: &Settings) -> Answer {
    if let Some(quota) = between(message, "exceeded quota: ", ",") {
        return Answer::failed(format!(
            "the quota `{quota}` of this namespace leaves no room for PostgreSQL: it needs {} and {}; free some, or \
             ask your platform team for more",
            compute(settings),
            volume(settings)
        ));
    }
    if message.contains("violates PodSecurity") {
        return Answer::failed(
            "the security rules of this namespace do not allow PostgreSQL to run as the platform set it up: ask your \
             platform team",
        );
    }
    if message.contains("because it is being terminated") {
        return Answer::failed("this namespace is being deleted");
    }
    Answer::failed(
        "the platform refuses to set up PostgreSQL here: ask your platform team, its log has the reason",
    )
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split(after).next()
}

fn compute(settings: &Settings) -> String {
    let amount =
        |name: &str, quantity: Option<&Quantity>| quantity.map(|quantity| format!("{name} {quantity}"));
    let amounts =
        [amount("cpu", settings.requests.cpu.as_ref()), amount("memory", settings.requests.memory.as_ref())];
    amounts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

fn volume(settings: &Settings) -> String {
    match &settings.storage_class {
        Some(class) => format!("a volume of {} from storage class `{class}`", settings.storage),
        None => format!("a volume of {}", settings.storage),
    }
}

#[cfg(test)]
mod tests {
    use api_types::ClaimPhase;
    use serde_json::Value;

    use super::*;
    use crate::test_support::settings;

    fn statefulset(status: &str) -> StatefulSet {
        serde_yaml_ng::from_str(&format!("metadata: {{name: db, generation: 2}}\nstatus: {status}")).unwrap()
    }

    fn pod(status: &str) -> Pod {
        let status: Value = serde_yaml_ng::from_str(status).unwrap();
        serde_json::from_value(serde_json::json!({"metadata": {"name": "db-0"}, "status": status})).unwrap()
    }

    fn container(state: &str) -> Pod {
        pod(&format!("containerStatuses: [{{name: postgres, image: i, imageID: '', ready: false, {state}}}]"))
    }

    fn say(pod: &Pod) -> (ClaimPhase, String) {
        let answer = not_serving(Some(pod), None, &settings());
        (answer.phase, answer.message)
    }

    #[test]
    fn a_database_serves_once_its_current_description_is_rolled_out_and_ready() {
        let of = |status| serves(&statefulset(status));
        assert!(of(
            "{replicas: 1, observedGeneration: 2, readyReplicas: 1, currentRevision: b, updateRevision: b}"
        ));
        assert!(!of(
            "{replicas: 1, observedGeneration: 1, readyReplicas: 1, currentRevision: b, updateRevision: b}"
        ));
        assert!(!of(
            "{replicas: 1, observedGeneration: 2, readyReplicas: 1, currentRevision: a, updateRevision: b}"
        ));
        assert!(!of("{replicas: 1, observedGeneration: 2, currentRevision: b, updateRevision: b}"));
        assert!(!of("null"));
    }

    #[test]
    fn a_database_without_a_problem_is_starting() {
        let starting = (ClaimPhase::Binding, "PostgreSQL is starting".to_owned());
        assert_eq!(say(&pod("{}")), starting);
        assert_eq!(
            say(&container("restartCount: 0, state: {waiting: {reason: ContainerCreating}}")),
            starting
        );
        assert_eq!(say(&container("restartCount: 1, state: {running: {}}")), starting);
    }

    #[test]
    fn an_image_that_cannot_be_fetched_is_named_and_the_message_does_not_alternate() {
        let pulling = say(&container("restartCount: 0, state: {waiting: {reason: ErrImagePull}}"));
        let waiting = say(&container("restartCount: 0, state: {waiting: {reason: ImagePullBackOff}}"));
        assert_eq!(pulling, waiting);
        assert_eq!(pulling.0, ClaimPhase::Failed);
        assert!(pulling.1.contains("`registry/postgres:15`"), "{}", pulling.1);
    }

    #[test]
    fn a_database_that_keeps_stopping_says_the_same_while_it_runs_and_while_it_waits() {
        let running = say(&container("restartCount: 2, state: {running: {}}"));
        let waiting = say(&container("restartCount: 7, state: {waiting: {reason: CrashLoopBackOff}}"));
        assert_eq!(running, waiting);
        assert!(running.1.contains("keeps stopping"));
        let memory = say(&container(
            "restartCount: 2, state: {running: {}}, lastState: {terminated: {exitCode: 137, reason: OOMKilled}}",
        ));
        assert!(memory.1.contains("memory"));
    }

    #[test]
    fn a_database_without_room_says_what_it_needs() {
        let say_scheduling = |message: &str| {
            say(&pod(&format!(
                "conditions: [{{type: PodScheduled, status: 'False', reason: Unschedulable, message: '{message}'}}]"
            )))
        };
        let (phase, message) = say_scheduling("0/1 nodes are available: 1 Insufficient memory.");
        assert_eq!(phase, ClaimPhase::Binding);
        assert!(message.contains("cpu 50m and memory 64Mi"), "{message}");
        let (_, message) = say_scheduling("pod has unbound immediate PersistentVolumeClaims");
        assert!(message.contains("a volume of 1Gi"), "{message}");
    }

    #[test]
    fn refusals_are_told_apart() {
        let say = |message: &str| refused(message, &settings()).message;
        let quota = say(
            "pods \"db-0\" is forbidden: exceeded quota: team, requested: cpu=50m, used: cpu=1, limited: cpu=1",
        );
        assert!(quota.contains("`team`") && quota.contains("cpu 50m"), "{quota}");
        assert!(
            say("pods \"db-0\" is forbidden: violates PodSecurity \"restricted:latest\": …")
                .contains("security")
        );
        assert!(
            say("unable to create new content in namespace x because it is being terminated")
                .contains("deleted")
        );
        assert!(say("something else").contains("refuses"));
    }

    #[test]
    fn no_message_holds_a_noun_of_the_runtime() {
        let messages = [
            say(&container("restartCount: 3, state: {waiting: {reason: CrashLoopBackOff}}")).1,
            say(&container("restartCount: 0, state: {waiting: {reason: ErrImagePull}}")).1,
            say(&container("restartCount: 0, state: {waiting: {reason: CreateContainerConfigError}}")).1,
            refused("pods \"x\" is forbidden: exceeded quota: team, requested: pods=1", &settings()).message,
            refused("violates PodSecurity", &settings()).message,
            refused("whatever", &settings()).message,
        ];
        for message in messages {
            crate::test_support::assert_is_for_users(&message);
        }
    }
}
