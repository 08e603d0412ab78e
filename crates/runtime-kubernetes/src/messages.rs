//! Every sentence that users read. Each names their own containers and fields, says what to do next, holds no noun of
//! the runtime, and says the same as long as the cause is the same: no counts, times, back-offs or generated names.

mod invalid;
mod plain;
mod refusal;
mod runs;

use api_types::Reason;

pub use invalid::invalid;
pub use plain::plain;
pub use refusal::{Refusal, refusal};
pub use runs::{
    COMPLETED, FORMER_RUNS, NOT_RUN_YET, RUNS_TO_ITS_END, SCHEDULED, SUSPENDED, last_run_failed, run_failed,
    tried_again,
};

use crate::template::Misfit;

/// Everything runs.
pub const RUNNING: &str = "The workload runs.";
/// It is on its way, and nothing more is known.
pub const UNDERWAY: &str = "The workload is being started: wait, or look at what its containers print.";
/// It ran, and does not now.
pub const UNAVAILABLE: &str = "The workload does not run at present and is being started again: look at what its \
                               containers print if this lasts.";
/// Not all of it runs that did.
pub const INCOMPLETE: &str = "Some instances of the workload run, and others are still being started: look at what \
                              their containers print if this lasts.";
/// It has taken longer than the platform gives it.
pub const OVERDUE: &str = "The workload has not started in the time that the platform gives it: look at what its \
                           containers print.";
/// The same of a part of it.
pub const PARTLY_OVERDUE: &str = "Some instances of the workload have not started in the time that the platform gives \
                                  them: look at what their containers print.";
/// Load cannot be measured, by which it was to be scaled.
pub const UNMEASURED: &str = "The workload runs, but cannot be scaled by load as the annotation `score.dev/autoscaling` \
                              asks: set spec.containers.*.resources.requests.cpu for every container, or ask your \
                              platform team whether the platform measures load.";
/// What the platform has set up to make it reachable from outside does not work.
pub const NO_WAY_IN: &str = "The workload runs, but cannot be reached from outside, although the platform has set a way \
                             in up for it: wait, or ask your platform team if this lasts.";
/// The API server, or something that it asks, is out of order.
pub const OUT_OF_ORDER: &str = "The platform cannot take the workload up at present: wait, as it is tried again \
                                automatically, or ask your platform team if this lasts.";
/// Somebody scaled it to nothing.
pub const SCALED_TO_ZERO: &str = "The workload is scaled to no instance at all: scale it to at least one.";
/// An object of the same name is in the way.
pub const NAME_TAKEN: &str = "The name of the workload is taken in this namespace by something that was not made for \
                              it: rename the workload, or remove what has the name.";
/// The API server said no without a reason that could be passed on.
pub const NOT_ALLOWED: &str =
    "The platform does not allow the workload in this namespace: ask your platform team.";
/// What was made for an earlier Workload of the same name is still being removed.
pub const PREDECESSOR: &str = "What ran under the name of the workload before is still being removed: wait.";

/// Why an image cannot be had, as far as the text of the failure says.
fn pull_failure(detail: &str) -> &'static str {
    let detail = detail.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| detail.contains(word));
    if says(&["unauthorized", "denied", "forbidden", "authorization failed", "authentication required"]) {
        "the registry does not let the platform read it: correct the name, or ask your platform team for access"
    } else if says(&["not found", "manifest unknown", "does not exist", "name unknown"]) {
        "there is no such image: correct the name or the tag, or push the image"
    } else if says(&["no such host", "timeout", "timed out", "refused", "unreachable", "tls", "x509"]) {
        "its registry cannot be reached: correct the name, or ask your platform team about the registry"
    } else {
        "correct the name or the tag, and make sure that the platform may read it"
    }
}

/// The image of a container cannot be pulled.
pub fn image(container: &str, image: &str, detail: &str) -> String {
    format!("spec.containers.{container}.image: `{image}` cannot be pulled: {}.", pull_failure(detail))
}

/// The image of a container has a name that is none.
pub fn image_name(container: &str, image: &str) -> String {
    format!(
        "spec.containers.{container}.image: `{image}` is not the name of an image: write it as registry/name:tag."
    )
}

/// A container ended.
///
/// `probe` is the field of the probe that ends it if it does not pass.
pub fn stopped(container: &str, exit_code: i32, probe: Option<&str>) -> String {
    match (exit_code, probe) {
        (0, _) => format!(
            "The container {container} ends with exit code 0, but must keep running: look at what it prints, and at \
             spec.containers.{container}.command and args."
        ),
        // 128 + SIGKILL or SIGTERM: what a container gets whose liveness probe fails.
        (137 | 143, Some(probe)) => format!(
            "The container {container} is stopped (exit code {exit_code}), as happens when \
             spec.containers.{container}.{probe} does not pass: look at what it prints, and at the probe."
        ),
        _ => format!("The container {container} stops with exit code {exit_code}: look at what it prints."),
    }
}

/// A container that others wait for ended without success.
pub fn not_completed(container: &str, exit_code: i32) -> String {
    format!(
        "The container {container} must complete before others start (spec.containers.{container}.before), but stops \
         with exit code {exit_code}: look at what it prints."
    )
}

/// A container that others wait for has not ended yet.
pub fn completing(container: &str) -> String {
    format!(
        "Others start when the container {container} has completed (spec.containers.{container}.before): wait, or look \
         at what it prints."
    )
}

/// A container runs and is not what others wait for. `probe` is the field of the probe that tells.
pub fn not_healthy(container: &str, probe: &str) -> String {
    format!(
        "Others start when the container {container} is healthy (spec.containers.{container}.before), but \
         spec.containers.{container}.{probe} does not pass yet: look at what it prints, and at the probe."
    )
}

/// What is mounted is not there yet. `fields` say what that is.
pub fn mounting(fields: &[String]) -> String {
    format!(
        "The workload waits for what its containers mount ({}): if this lasts, an output of a resource is not there \
         (any more), or a volume cannot be attached: check spec.resources, or ask your platform team.",
        fields.join(", ")
    )
}

/// Files could not be joined. `told` is what the joiner printed, which is for the user already.
pub fn joiner(told: Option<&str>) -> String {
    let told = told.and_then(|told| told.lines().rev().map(str::trim).find(|line| !line.is_empty()));
    told.map_or_else(
        || {
            "The files of the workload that hold outputs cannot be prepared: ask your platform team, or use variables \
             instead of files."
                .into()
        },
        plain,
    )
}

/// A container used more memory than it may.
pub fn out_of_memory(container: &str) -> String {
    format!(
        "The container {container} needs more memory than it may use: raise \
         spec.containers.{container}.resources.limits.memory."
    )
}

/// A container's process could not be started.
pub fn cannot_start(container: &str, detail: &str) -> String {
    if let Some(path) = mount_point(detail) {
        return format!(
            "The container {container} cannot be started: nothing can be mounted at `{path}` in its image, where \
             something else may stand in the way: choose another path in spec.containers.{container}.files or volumes."
        );
    }
    // Everything before is the chain of tools that passed the error on.
    let cause = detail.find("exec: \"").map(|at| detail[at..].lines().next().unwrap_or_default());
    let cause = cause.map(|cause| cause.trim_end_matches(": unknown")).map(|cause| format!(" ({cause})"));
    format!(
        "The container {container} cannot be started{}: correct spec.containers.{container}.command and args, or the \
         image.",
        cause.unwrap_or_default()
    )
}

/// Where in a container it is that something could not be mounted, if that is what went wrong.
fn mount_point(detail: &str) -> Option<&str> {
    let mount = detail.split_once("error mounting \"")?.1;
    mount.split_once("\" to rootfs at \"")?.1.split('"').next()
}

/// A container cannot be set up.
pub fn cannot_set_up(container: &str, detail: &str) -> String {
    if detail.contains("run as root") || detail.contains("runAsNonRoot") {
        return format!(
            "spec.containers.{container}.image: the image runs as root, which the platform does not allow: build it \
             with a numeric user other than 0."
        );
    }
    if detail.contains("couldn't find key") || (detail.contains("secret") && detail.contains("not found")) {
        return format!(
            "The container {container} waits for an output of a resource that its variables or files use and that is not \
             there (any more): check spec.resources, or ask your platform team; it starts as soon as the output is there."
        );
    }
    format!("The container {container} cannot be set up: check its fields, or ask your platform team.")
}

/// A container runs and is not ready.
pub fn not_ready(container: &str) -> String {
    format!(
        "The container {container} runs, but spec.containers.{container}.readinessProbe does not pass: look at what it \
         prints, and at the probe."
    )
}

/// No machine takes the Workload.
pub fn no_room(detail: &str) -> String {
    let mut lacking: Vec<&str> = detail
        .split("Insufficient ")
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && !"./-".contains(c)).next())
        .map(|resource| resource.trim_end_matches('.'))
        .collect();
    lacking.sort_unstable();
    lacking.dedup();
    if lacking.is_empty() {
        return "No machine of the platform can take the workload at present: ask your platform team.".into();
    }
    format!(
        "The platform has no room for the workload at present: too little {}: ask for less in \
         spec.containers.*.resources, or ask your platform team for more.",
        lacking.join(" and ")
    )
}

/// What the platform configured does not fit the Workload.
pub fn misfit(misfit: &Misfit) -> Refusal {
    let why = misfit.why.replace('`', "'");
    Refusal {
        reason: Reason::ProjectionError,
        message: format!(
            "The platform's profile does not fit the workload: ask your platform team to correct {} (`{}`).",
            misfit.part,
            why.trim_end_matches('.')
        ),
    }
}

/// The place of an object that the platform adds is taken.
pub fn extra_taken(place: &str) -> String {
    format!(
        "The platform adds `{place}` to the workload, and something that was not made for it has that name in this \
         namespace: rename the workload, or remove what has the name."
    )
}

/// The plan asks for what this runtime cannot do.
pub fn problems(problems: &[String]) -> String {
    problems.join(" ")
}

#[cfg(test)]
mod tests;
