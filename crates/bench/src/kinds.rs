//! The kinds that are written and waited for, without their types: objects are copied, not understood.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Resource;
use kube::api::{ApiResource, DynamicObject};
use kube::{Api, Client};

use api_types::{Workload, WorkloadExposure, WorkloadPlan};
use podset_types::{SchedulePlan, ScheduleTrigger};

/// Objects of kind `K` in `namespace`, as plain JSON.
pub(crate) fn dynamic<K: Resource<DynamicType = ()>>(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &ApiResource::erase::<K>(&()))
}

/// Everything that a writer makes or causes in `namespace`.
pub(crate) fn everything(client: &Client, namespace: &str) -> [(&'static str, Api<DynamicObject>); 8] {
    [
        ("Workloads", dynamic::<Workload>(client, namespace)),
        ("WorkloadPlans", dynamic::<WorkloadPlan>(client, namespace)),
        ("WorkloadExposures", dynamic::<WorkloadExposure>(client, namespace)),
        ("Deployments", dynamic::<Deployment>(client, namespace)),
        ("ReplicaSets", dynamic::<ReplicaSet>(client, namespace)),
        ("Pods", dynamic::<Pod>(client, namespace)),
        ("Services", dynamic::<Service>(client, namespace)),
        ("EndpointSlices", dynamic::<EndpointSlice>(client, namespace)),
    ]
}

/// Everything that a pod set, or a Deployment that stands for one, is or causes in `namespace`.
pub(crate) fn of_pod_sets(client: &Client, namespace: &str) -> [(&'static str, Api<DynamicObject>); 5] {
    [
        ("Deployments", dynamic::<Deployment>(client, namespace)),
        ("ReplicaSets", dynamic::<ReplicaSet>(client, namespace)),
        ("Pods", dynamic::<Pod>(client, namespace)),
        ("ScheduleTriggers", dynamic::<ScheduleTrigger>(client, namespace)),
        ("SchedulePlans", dynamic::<SchedulePlan>(client, namespace)),
    ]
}
