//! The probes of a container: what is checked, and when.

use api_types::{HttpGetAction, PlanContainer, Probe};

use crate::values::{self, ProbeTimings, Timing};

/// A probe that can be made.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidProbe {
    /// What is checked.
    pub check: Check,
    /// When, and how often it must pass or fail to count.
    pub timing: Timing,
}

/// The one check that a probe makes.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// An HTTP request.
    HttpGet(HttpGetAction),
    /// A command.
    Exec(Vec<String>),
}

/// The probes of a container.
pub(super) struct ValidProbes {
    pub(super) liveness: Option<ValidProbe>,
    pub(super) readiness: Option<ValidProbe>,
    pub(super) startup: Option<ValidProbe>,
}

/// Score has no check for the start: it is that for being alive, or else that for being ready.
pub(super) fn valid(
    name: &str,
    container: &PlanContainer,
    timings: ProbeTimings,
    problems: &mut Vec<String>,
) -> ValidProbes {
    let field = |probe: &str| format!("spec.containers.{name}.{probe}");
    let (liveness_field, readiness_field) = (field("livenessProbe"), field("readinessProbe"));
    let liveness = check(&liveness_field, container.liveness_probe.as_ref(), problems);
    let readiness = check(&readiness_field, container.readiness_probe.as_ref(), problems);
    let startup = timings.startup.and(liveness.clone().or_else(|| readiness.clone()));
    let either = format!("{liveness_field} or {readiness_field}");
    for (probe, timing, check, needed) in [
        ("liveness", timings.liveness, &liveness, &liveness_field),
        ("readiness", timings.readiness, &readiness, &readiness_field),
        ("startup", timings.startup, &startup, &either),
    ] {
        if timing.is_some() && check.is_none() {
            let path = format!("probes.{name}.{probe}");
            problems.push(values::problem(&path, &format!("needs a check, and there is no {needed}")));
        }
    }
    let timed = |check: Option<Check>, timing: Option<Timing>| {
        check.map(|check| ValidProbe { check, timing: timing.unwrap_or_default() })
    };
    ValidProbes {
        liveness: timed(liveness, timings.liveness),
        readiness: timed(readiness, timings.readiness),
        startup: timed(startup, timings.startup),
    }
}

/// Where both checks are given the HTTP request is made: it needs nothing inside the image.
fn check(path: &str, given: Option<&Probe>, problems: &mut Vec<String>) -> Option<Check> {
    let given = given?;
    if let Some(http_get) = &given.http_get {
        check_header_names(path, http_get, problems);
        return Some(Check::HttpGet(http_get.clone()));
    }
    let command = given.exec.as_ref().map(|exec| exec.command.clone()).unwrap_or_default();
    if command.is_empty() {
        problems.push(format!("{path}: there is nothing to check: give httpGet, or exec with a command."));
    }
    Some(Check::Exec(command))
}

/// Kubernetes takes letters, digits and - in the names of headers; Score takes _ as well.
fn check_header_names(path: &str, action: &HttpGetAction, problems: &mut Vec<String>) {
    let can_be_sent = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    for (index, header) in action.http_headers.iter().enumerate() {
        if !can_be_sent(&header.name) {
            problems.push(format!(
                "{path}.httpGet.httpHeaders[{index}].name: `{}` cannot be used here: use letters, digits and - alone.",
                header.name
            ));
        }
    }
}
