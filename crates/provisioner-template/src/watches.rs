//! What tells that an object of a claim has changed: a watch for each kind that is allowed, of the objects that this
//! provisioner manages, and of them only their metadata. Secrets are not watched: their claims are looked at now and then.

use std::{collections::BTreeMap, time::Duration};

use api_types::{ResourceClaim, metadata::LABEL_MANAGED_BY};
use controller_kit::{Kinds, Kit, Served};
use futures::{FutureExt as _, Stream, StreamExt as _, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api, Resource,
    core::{ApiResource, DynamicObject, PartialObjectMeta},
    runtime::{WatchStreamExt as _, reflector::ObjectRef, watcher},
};
use provisioner_kit::{Sightings, claim_of};
use resource_template::ObjectKind;

use crate::NAME;

/// How long a kind that the cluster does not have is not looked for again.
const PAUSE: Duration = Duration::from_secs(60);

/// The claims whose objects change. It never ends. What outlives its claim is remembered in `sightings`.
pub fn touched(
    kit: &Kit,
    kinds: &[ObjectKind],
    sightings: &Sightings,
) -> impl Stream<Item = ObjectRef<ResourceClaim>> + Send + 'static {
    let watched = kinds.iter().filter(|kind| !kind.is_secret()).cloned();
    stream::select_all(watched.map(|kind| of_kind(kit.clone(), kind, sightings.clone()).boxed()))
}

fn of_kind(
    kit: Kit,
    kind: ObjectKind,
    sightings: Sightings,
) -> impl Stream<Item = ObjectRef<ResourceClaim>> + Send + use<> {
    let served = served(kit.clone(), kind);
    served.map(move |resource| watch(&kit, resource, sightings)).flatten_stream()
}

/// What the cluster calls `kind`, once it has it.
async fn served(kit: Kit, kind: ObjectKind) -> ApiResource {
    let kinds = Kinds::new(kit.client.clone(), [kind.gvk()]);
    let mut mentioned = false;
    loop {
        match kinds.served(&kind.gvk()).await {
            Ok(Served::Yes(resource)) => return resource,
            found => {
                if !mentioned {
                    tracing::info!(%kind, ?found, "not watched: the cluster has no such kind, will keep looking");
                    mentioned = true;
                }
                tokio::time::sleep(PAUSE.mul_f64(rand::random_range(1.0..1.5))).await;
            }
        }
    }
}

fn watch(
    kit: &Kit,
    resource: ApiResource,
    sightings: Sightings,
) -> impl Stream<Item = ObjectRef<ResourceClaim>> + Send + use<> {
    let api: Api<PartialObjectMeta<DynamicObject>> = match &kit.namespace {
        Some(namespace) => Api::namespaced_with(kit.client.clone(), namespace, &resource),
        None => Api::all_with(kit.client.clone(), &resource),
    };
    let ours = watcher::Config::default().labels(&format!("{LABEL_MANAGED_BY}={NAME}"));
    let (mut known, mut failing) = (Known::default(), false);
    watcher(api, ours).default_backoff().flat_map(move |event| {
        let touched = match event {
            Ok(event) => {
                failing = false;
                sightings.note(&resource, &event);
                known.touched(event)
            }
            Err(error) => {
                if !failing {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(kind = resource.kind, error, "cannot watch, will keep trying");
                    failing = true;
                }
                Vec::new()
            }
        };
        stream::iter(touched)
    })
}

/// The claims of the objects that a watch has shown, so that one is told of what vanished while the watch was down.
#[derive(Debug, Default)]
struct Known {
    now: BTreeMap<(String, String), ObjectRef<ResourceClaim>>,
    before: BTreeMap<(String, String), ObjectRef<ResourceClaim>>,
}

impl Known {
    /// The claims that `event` is about.
    fn touched<K: Resource>(&mut self, event: watcher::Event<K>) -> Vec<ObjectRef<ResourceClaim>> {
        match event {
            watcher::Event::Init => {
                self.before.append(&mut self.now);
                Vec::new()
            }
            watcher::Event::InitDone => std::mem::take(&mut self.before).into_values().collect(),
            watcher::Event::InitApply(object) | watcher::Event::Apply(object) => {
                let Some((key, claim)) = claim_ref(object.meta()) else { return Vec::new() };
                self.before.remove(&key);
                self.now.insert(key, claim.clone());
                vec![claim]
            }
            watcher::Event::Delete(object) => {
                let Some((key, claim)) = claim_ref(object.meta()) else { return Vec::new() };
                self.now.remove(&key);
                vec![claim]
            }
        }
    }
}

/// The key of an object, and the claim that it was made for.
fn claim_ref(meta: &ObjectMeta) -> Option<((String, String), ObjectRef<ResourceClaim>)> {
    let (namespace, name) = (meta.namespace.clone()?, meta.name.clone()?);
    let claim = ObjectRef::new(claim_of(meta)?).within(&namespace);
    Some(((namespace, name), claim))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn map(name: &str, claim: &str) -> ConfigMap {
        let annotations = format!("{{score.dev/claim: {claim}}}");
        let text = format!("metadata: {{namespace: team, name: {name}, annotations: {annotations}}}");
        serde_yaml_ng::from_str(&text).unwrap()
    }

    fn names(touched: Vec<ObjectRef<ResourceClaim>>) -> Vec<String> {
        touched.into_iter().map(|claim| claim.name).collect()
    }

    #[test]
    fn what_vanished_while_the_watch_was_down_is_told_once() {
        let mut known = Known::default();
        known.touched::<ConfigMap>(watcher::Event::Init);
        assert_eq!(names(known.touched(watcher::Event::InitApply(map("a", "one")))), ["one"]);
        assert_eq!(names(known.touched(watcher::Event::InitApply(map("b", "two")))), ["two"]);
        assert!(known.touched::<ConfigMap>(watcher::Event::InitDone).is_empty());
        known.touched::<ConfigMap>(watcher::Event::Init);
        known.touched(watcher::Event::InitApply(map("b", "two")));
        assert_eq!(names(known.touched::<ConfigMap>(watcher::Event::InitDone)), ["one"]);
        known.touched::<ConfigMap>(watcher::Event::Init);
        assert_eq!(names(known.touched::<ConfigMap>(watcher::Event::InitDone)), ["two"]);
    }

    #[test]
    fn what_is_deleted_or_changed_is_told() {
        let mut known = Known::default();
        assert_eq!(names(known.touched(watcher::Event::Apply(map("a", "one")))), ["one"]);
        assert_eq!(names(known.touched(watcher::Event::Delete(map("a", "one")))), ["one"]);
        assert!(known.now.is_empty());
        let unmarked: ConfigMap = serde_yaml_ng::from_str("metadata: {namespace: team, name: a}").unwrap();
        assert!(known.touched(watcher::Event::Apply(unmarked)).is_empty());
    }
}
