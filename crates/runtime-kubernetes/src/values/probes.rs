//! When probes are made, and how often they must pass or fail to count.

use std::{collections::BTreeMap, ops::RangeInclusive};

use super::{COUNTABLE, reader::Reader};

/// The timing of a container's probes; Kubernetes' defaults where it is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeTimings {
    /// Of the probe by which the container is restarted.
    pub liveness: Option<Timing>,
    /// Of the probe by which it gets requests.
    pub readiness: Option<Timing>,
    /// Of the probe before which the other two are not made.
    pub startup: Option<Timing>,
}

/// The timing of a probe; Kubernetes' default where a field is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Seconds from the container's start to the first probe.
    pub initial_delay_seconds: Option<i32>,
    /// Seconds from one probe to the next.
    pub period_seconds: Option<i32>,
    /// Seconds after which a probe without an answer has failed.
    pub timeout_seconds: Option<i32>,
    /// How often in a row it must pass to count as passing.
    pub success_threshold: Option<i32>,
    /// How often in a row it must fail to count as failing.
    pub failure_threshold: Option<i32>,
}

/// Takes the timing of all probes from `values`, by container.
pub(super) fn read(values: &mut Reader<'_>) -> BTreeMap<String, ProbeTimings> {
    let by_container = |values: &mut Reader<'_>| {
        let containers = values.keys().into_iter();
        containers.filter_map(|name| values.object(&name, container).map(|timings| (name, timings))).collect()
    };
    values.object("probes", by_container).unwrap_or_default()
}

fn container(values: &mut Reader<'_>) -> ProbeTimings {
    // Kubernetes takes one passing probe for enough, except where requests are at stake.
    let once = 1..=1;
    ProbeTimings {
        liveness: values.object("liveness", |values| timing(values, once.clone())),
        readiness: values.object("readiness", |values| timing(values, COUNTABLE)),
        startup: values.object("startup", |values| timing(values, once)),
    }
}

fn timing(values: &mut Reader<'_>, successes: RangeInclusive<i64>) -> Timing {
    Timing {
        initial_delay_seconds: values.number("initialDelaySeconds", 0..=i32::MAX.into()),
        period_seconds: values.number("periodSeconds", COUNTABLE),
        timeout_seconds: values.number("timeoutSeconds", COUNTABLE),
        success_threshold: values.number("successThreshold", successes),
        failure_threshold: values.number("failureThreshold", COUNTABLE),
    }
}
