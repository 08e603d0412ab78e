//! The containers.

use api_types::{HttpGetAction, HttpScheme};
use k8s_openapi::{
    api::core::v1::{
        Capabilities, Container, ExecAction, HTTPGetAction, HTTPHeader, Probe, ResourceRequirements,
        SecurityContext,
    },
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{PodSecurity, environment};
use crate::{
    expansion::escape,
    validate::{Check, ValidContainer, ValidProbe},
    values::Timing,
};

/// No ports are named here: the plan does not say which container listens, and the Service finds them by number.
/// When an image is pulled is left to Kubernetes, which goes by the tag.
pub(super) fn build(container: &ValidContainer, security: PodSecurity) -> Container {
    Container {
        name: container.name.clone(),
        image: Some(container.image.clone()),
        command: list(&container.command),
        args: list(&container.args),
        env: some(environment::build(&container.variables)),
        resources: resources(container),
        liveness_probe: container.liveness.as_ref().map(probe),
        readiness_probe: container.readiness.as_ref().map(probe),
        startup_probe: container.startup.as_ref().map(probe),
        security_context: Some(security_context(security)),
        ..Container::default()
    }
}

fn list(words: &[String]) -> Option<Vec<String>> {
    some(words.iter().map(|word| escape(word)).collect())
}

fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}

fn resources(container: &ValidContainer) -> Option<ResourceRequirements> {
    let given =
        |quantities: &std::collections::BTreeMap<_, _>| (!quantities.is_empty()).then(|| quantities.clone());
    let (limits, requests) = (given(&container.limits), given(&container.requests));
    (limits.is_some() || requests.is_some()).then(|| ResourceRequirements {
        limits,
        requests,
        ..ResourceRequirements::default()
    })
}

fn security_context(security: PodSecurity) -> SecurityContext {
    let none = || Capabilities { drop: Some(vec!["ALL".into()]), add: None };
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: (security == PodSecurity::Restricted).then(none),
        ..SecurityContext::default()
    }
}

/// Timing that nobody set is Kubernetes' default: Score has no word for it.
pub(super) fn probe(probe: &ValidProbe) -> Probe {
    let (http_get, exec) = match &probe.check {
        Check::HttpGet(action) => (Some(http_get(action)), None),
        Check::Exec(command) => (None, Some(ExecAction { command: list(command) })),
    };
    let Timing {
        initial_delay_seconds,
        period_seconds,
        timeout_seconds,
        success_threshold,
        failure_threshold,
    } = probe.timing;
    Probe {
        http_get,
        exec,
        initial_delay_seconds,
        period_seconds,
        timeout_seconds,
        success_threshold,
        failure_threshold,
        ..Probe::default()
    }
}

fn http_get(action: &HttpGetAction) -> HTTPGetAction {
    let scheme = match action.scheme {
        None | Some(HttpScheme::Http) => "HTTP",
        Some(HttpScheme::Https) => "HTTPS",
    };
    let headers = action.http_headers.iter();
    HTTPGetAction {
        host: action.host.clone(),
        http_headers: some(
            headers.map(|it| HTTPHeader { name: it.name.clone(), value: it.value.clone() }).collect(),
        ),
        // An empty path is the API server's default, which it stores as /.
        path: Some(action.path.clone()).filter(|path| !path.is_empty()),
        port: IntOrString::Int(action.port),
        scheme: Some(scheme.into()),
    }
}
