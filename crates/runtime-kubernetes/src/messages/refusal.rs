//! Why the API server refused something, from its text: who it was that said no decides what the user can do.

use api_types::Reason;

use super::plain;

/// A refusal, as users are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason of the condition.
    pub reason: Reason,
    /// What to do.
    pub message: String,
}

/// What the text of a refusal says, whether it came as the answer to a request of ours or was noted by Kubernetes on
/// the way to an instance. `None` if the text names no decision of anybody, so that to wait is all there is to do.
pub fn refusal(text: &str) -> Option<Refusal> {
    let denied = |message: Option<String>| {
        message.map(|message| Refusal { reason: Reason::PermissionDenied, message })
    };
    if let Some((_, account)) = text.split_once("error looking up service account ") {
        return denied(no_account(account));
    }
    let quota =
        |message: Option<String>| message.map(|message| Refusal { reason: Reason::QuotaExceeded, message });
    quota(exceeded_quota(text))
        .or_else(|| quota(unspecified_for_quota(text)))
        .or_else(|| denied(pod_security(text)))
        .or_else(|| denied(rule(text)))
        .or_else(|| denied(namespace_going(text)))
        .or_else(|| denied(no_rights(text)))
        .or_else(|| denied(forbidden(text)))
}

/// `NAMESPACE/NAME: serviceaccount "NAME" not found`
fn no_account(text: &str) -> Option<String> {
    let name = text.split(':').next()?.rsplit('/').next()?;
    // A namespace that was made just now: its default account follows within moments.
    (name != "default").then(|| {
        format!(
            "The account `{name}`, which the workload is to run as, does not exist: correct the annotation \
             `score.dev/service-account`, or ask your platform team."
        )
    })
}

/// `exceeded quota: NAME, requested: …, used: …, limited: …`, without what is used, which changes all the time.
fn exceeded_quota(text: &str) -> Option<String> {
    let (name, rest) = text.split_once("exceeded quota: ")?.1.split_once(", requested: ")?;
    let requested = rest.split(", used: ").next()?;
    let limited = rest.split_once(", limited: ")?.1;
    Some(format!(
        "The quota `{name}` leaves no room for the workload: it needs {}, and the limit is {}: ask for less in \
         spec.containers.*.resources, remove what is not needed, or ask your platform team to raise the quota.",
        amounts(requested),
        amounts(limited)
    ))
}

/// `count/deployments.apps=1` is, to users, `workloads=1`.
fn amounts(list: &str) -> String {
    plain(list).replace("count/", "").replace(".apps=", "=").replace(".batch=", "=")
}

/// `failed quota: NAME: must specify …`
fn unspecified_for_quota(text: &str) -> Option<String> {
    let (name, missing) = text.split_once("failed quota: ")?.1.split_once(": must specify ")?;
    Some(format!(
        "The quota `{name}` wants every container to say what it needs: set {} (in spec.containers.*.resources).",
        plain(missing)
    ))
}

/// `violates PodSecurity "LEVEL": WHY`
fn pod_security(text: &str) -> Option<String> {
    let (level, why) = text.split_once("violates PodSecurity \"")?.1.split_once("\": ")?;
    Some(format!(
        "The security level `{level}` of this namespace does not allow the workload: ask your platform team to run \
         workloads at that level ({}).",
        plain(why)
    ))
}

/// A ValidatingAdmissionPolicy or an admission webhook: what it says was written for users.
fn rule(text: &str) -> Option<String> {
    let (who, why) =
        text.split_once(" denied the request: ").or_else(|| text.split_once(" denied request: "))?;
    let name = who.split(['\'', '"']).rfind(|part| !part.trim().is_empty()).unwrap_or_default();
    let name = who
        .split_once("ValidatingAdmissionPolicy '")
        .and_then(|(_, rest)| rest.split('\'').next())
        .unwrap_or(name);
    Some(format!("The rule `{name}` of the platform does not allow the workload: {}", sentence(&plain(why))))
}

fn namespace_going(text: &str) -> Option<String> {
    text.contains("because it is being terminated").then(|| {
        "The namespace is being deleted: put the workload into another one, or wait until it is gone.".into()
    })
}

/// Our own rights: no business of the user's, and nothing that they should read about.
fn no_rights(text: &str) -> Option<String> {
    (text.contains("cannot ") && text.contains(" resource ")).then(|| {
        "The platform's runtime has no rights in this namespace: ask your platform team to grant them.".into()
    })
}

/// Any other no, such as a limit of the namespace.
fn forbidden(text: &str) -> Option<String> {
    let why = text.split_once("is forbidden: ")?.1;
    Some(format!("The platform does not allow the workload: {}", sentence(&plain(why))))
}

fn sentence(text: &str) -> String {
    format!("{}.", text.trim_end_matches(['.', ' ']))
}
