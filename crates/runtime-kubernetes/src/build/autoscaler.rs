//! The HorizontalPodAutoscaler.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricSpec,
    MetricTarget, ResourceMetricSource,
};

use super::metadata;
use crate::{
    validate::ValidPlan,
    values::{Autoscaling, Scaling},
};

/// Absent unless the values leave the number of instances to an autoscaler.
pub(super) fn build(plan: &ValidPlan) -> Option<HorizontalPodAutoscaler> {
    let Scaling::Automatic(autoscaling) = plan.work.scaling()? else { return None };
    let spec = HorizontalPodAutoscalerSpec {
        min_replicas: Some(autoscaling.min_replicas),
        max_replicas: autoscaling.max_replicas,
        metrics: Some(vec![cpu(*autoscaling)]),
        scale_target_ref: CrossVersionObjectReference {
            api_version: Some("apps/v1".into()),
            kind: plan.work.kind().to_string(),
            name: plan.identity.name.clone(),
        },
        behavior: None,
    };
    Some(HorizontalPodAutoscaler { metadata: metadata(&plan.identity), spec, status: None })
}

fn cpu(autoscaling: Autoscaling) -> MetricSpec {
    let target = MetricTarget {
        type_: "Utilization".into(),
        average_utilization: Some(autoscaling.target_cpu_utilization_percentage),
        ..MetricTarget::default()
    };
    MetricSpec {
        type_: "Resource".into(),
        resource: Some(ResourceMetricSource { name: "cpu".into(), target }),
        ..MetricSpec::default()
    }
}
