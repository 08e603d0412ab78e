//! Whether the load is known by which instances are to be scaled.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition};

/// How long it may take until the load of new instances is known. Where it is measured that is a minute or so.
const PATIENCE: Duration = Duration::from_secs(180);

/// The type of the condition by which an autoscaler says whether it knows the load.
pub(crate) const CONDITION: &str = "ScalingActive";

/// What is known of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Enough, or nobody needs to know it.
    Known,
    /// Nothing yet, and it will have taken too long after this time.
    Awaited(Duration),
    /// Nothing. Either a container does not say what it needs, or nobody measures.
    Unknown,
}

impl Load {
    /// What `autoscaler`, if there is one, knows at `now`.
    pub fn of(autoscaler: Option<&HorizontalPodAutoscaler>, now: Timestamp) -> Self {
        let Some(since) = autoscaler.and_then(unknown_since) else { return Self::Known };
        let waited = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        let rest = PATIENCE.checked_sub(waited).filter(|rest| !rest.is_zero());
        rest.map_or(Self::Unknown, Self::Awaited)
    }

    /// When to look again although nothing changes.
    pub fn again(self) -> Option<Duration> {
        match self {
            Self::Awaited(rest) => Some(rest),
            Self::Known | Self::Unknown => None,
        }
    }
}

/// Since when the load is unknown. That there is no instance is another reason not to scale.
fn unknown_since(autoscaler: &HorizontalPodAutoscaler) -> Option<Timestamp> {
    let conditions = autoscaler.status.as_ref()?.conditions.as_ref()?;
    let unknown = |condition: &&HorizontalPodAutoscalerCondition| {
        condition.type_ == CONDITION
            && condition.status == "False"
            && condition.reason.as_deref() == Some("FailedGetResourceMetric")
    };
    Some(conditions.iter().find(unknown)?.last_transition_time.as_ref()?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dereference::trim_autoscaler, fixtures::parse};

    /// What is told by that of an autoscaler which the cache keeps.
    fn load(status: &str) -> Load {
        let mut autoscaler = parse(&format!(
            "spec: {{maxReplicas: 3, scaleTargetRef: {{kind: Deployment, name: hello}}}}\nstatus: {status}\n"
        ));
        trim_autoscaler(&mut autoscaler);
        Load::of(Some(&autoscaler), "2030-01-01T00:10:00Z".parse().unwrap())
    }

    #[test]
    fn load_that_cannot_be_measured_is_unknown_after_a_while_and_looked_at_then() {
        let since = |minute: u8, reason: &str, status: &str| {
            load(&format!(
                "{{desiredReplicas: 0, conditions: [{{type: AbleToScale, status: 'True'}}, {{type: ScalingActive, status: \
                 '{status}', reason: {reason}, lastTransitionTime: '2030-01-01T00:{minute:02}:00Z'}}]}}"
            ))
        };
        let failed = "FailedGetResourceMetric";
        assert_eq!(since(9, failed, "False"), Load::Awaited(PATIENCE - Duration::from_secs(60)));
        assert_eq!(since(7, failed, "False"), Load::Unknown);
        assert_eq!(since(1, "ValidMetricFound", "True"), Load::Known);
        assert_eq!(since(1, "ScalingDisabled", "False"), Load::Known);
        assert_eq!(load("{desiredReplicas: 0}"), Load::Known);
        assert_eq!(Load::of(None, Timestamp::UNIX_EPOCH), Load::Known);
    }
}
