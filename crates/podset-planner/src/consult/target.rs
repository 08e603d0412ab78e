//! Who plans a set. Pure.

use std::{fmt, sync::Arc};

use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt as _;
use podset_types::{LABEL_DEFAULT_PLANNER, PLANNER_ENABLED, PLANNER_PORT, PLANNER_PORT_NAME, planner_label};

use crate::serve;

/// A Service that plans sets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub service: String,
    /// Its port that is called `grpc`, else 7309.
    pub port: u16,
}

impl Target {
    /// Where the cluster's DNS, whose domain is `domain`, has it.
    pub fn url(&self, domain: &str) -> String {
        let Self { namespace, service, port } = self;
        format!("http://{service}.{namespace}.svc.{domain}:{port}")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.service)
    }
}

/// The planners of `pod_set` among `services`: those that are its own in particular, and if there are none those of every
/// set. Not our own planner in `home`, which would answer what this process finds out by itself.
pub fn targets(services: impl IntoIterator<Item = Arc<Service>>, pod_set: &str, home: &str) -> Vec<Target> {
    let services: Vec<_> =
        services.into_iter().filter(|one| one.metadata.deletion_timestamp.is_none()).collect();
    let labelled = |label: &str| -> Vec<&Arc<Service>> {
        let enabled =
            |one: &&Arc<Service>| one.labels().get(label).is_some_and(|value| value == PLANNER_ENABLED);
        services.iter().filter(enabled).collect()
    };
    let mut planners = planner_label(pod_set).map(|label| labelled(&label)).unwrap_or_default();
    if planners.is_empty() {
        planners = labelled(LABEL_DEFAULT_PLANNER);
    }
    let mut targets: Vec<_> = planners.into_iter().map(|service| target(service)).collect();
    targets.retain(|target| target.namespace != home || target.service != serve::NAME);
    targets.sort();
    targets
}

fn target(service: &Service) -> Target {
    let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    let mut named = ports.filter(|port| port.name.as_deref() == Some(PLANNER_PORT_NAME));
    let port = named.next().and_then(|port| u16::try_from(port.port).ok());
    Target {
        namespace: service.namespace().unwrap_or_default(),
        service: service.name_any(),
        port: port.unwrap_or(PLANNER_PORT),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn service(namespace: &str, name: &str, labels: &Value, ports: &Value) -> Arc<Service> {
        let service = json!({
            "metadata": {"namespace": namespace, "name": name, "labels": labels}, "spec": {"ports": ports},
        });
        Arc::new(serde_json::from_value(service).unwrap())
    }

    fn plain(name: &str, labels: &Value) -> Arc<Service> {
        service("trusted", name, labels, &json!([]))
    }

    fn names(services: Vec<Arc<Service>>, pod_set: &str) -> Vec<String> {
        targets(services, pod_set, "home").iter().map(ToString::to_string).collect()
    }

    fn for_all() -> Value {
        json!({"planner.ciena.io/default": "enabled"})
    }

    #[test]
    fn a_set_has_its_own_planners_or_else_those_of_every_set() {
        let all = || {
            vec![
                plain("b", &json!({"planner.ciena.io/web": "enabled"})),
                plain(
                    "a",
                    &json!({"planner.ciena.io/web": "enabled", "planner.ciena.io/default": "enabled"}),
                ),
                plain("c", &for_all()),
                plain(
                    "off",
                    &json!({"planner.ciena.io/web": "disabled", "planner.ciena.io/default": "true"}),
                ),
                plain("none", &json!({})),
            ]
        };
        assert_eq!(names(all(), "web"), ["trusted/a", "trusted/b"]);
        assert_eq!(names(all(), "db"), ["trusted/a", "trusted/c"]);
    }

    /// D16: a set named like a label of ours made any Service with that label its planner.
    #[test]
    fn d16_a_set_that_is_named_like_another_label_has_the_planners_of_every_set() {
        let all = || {
            vec![
                plain("a", &for_all()),
                plain(
                    "b",
                    &json!({"planner.ciena.io/pod-set": "enabled", "planner.ciena.io/quiet-time": "enabled"}),
                ),
            ]
        };
        for set in ["default", "pod-set", "quiet-time"] {
            assert_eq!(names(all(), set), ["trusted/a"], "{set}");
        }
    }

    #[test]
    fn our_own_planner_is_not_asked_and_one_of_its_name_elsewhere_is() {
        let port = json!([]);
        let all = vec![
            service("home", "podset-planner", &for_all(), &port),
            service("trusted", "podset-planner", &for_all(), &port),
        ];
        assert_eq!(names(all, "web"), ["trusted/podset-planner"]);
    }

    #[test]
    fn a_service_that_is_being_deleted_is_no_planner() {
        let mut leaving = Arc::unwrap_or_clone(plain("a", &for_all()));
        leaving.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH));
        assert!(names(vec![Arc::new(leaving)], "web").is_empty());
    }

    #[test]
    fn the_port_is_the_one_called_grpc() {
        let url = |ports: &Value| {
            let all = vec![service("trusted", "a", &for_all(), ports)];
            targets(all, "web", "home").first().unwrap().url("cluster.local")
        };
        let two = json!([{"name": "metrics", "port": 8080}, {"name": "grpc", "port": 50051}]);
        assert_eq!(url(&two), "http://a.trusted.svc.cluster.local:50051");
        assert_eq!(
            url(&json!([{"name": "metrics", "port": 8080}])),
            "http://a.trusted.svc.cluster.local:7309"
        );
    }
}
