//! The ConfigMaps of the files: there before any instance that mounts them, and as long as there is one.

use std::sync::Arc;

use api_types::metadata::ANNOTATION_APPLIED;
use controller_kit::Created;
use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{ConfigMap, Pod},
};
use kube::{
    Api, ResourceExt as _,
    core::{PartialObjectMeta, PartialObjectMetaExt as _},
};

use super::{
    live::{Stance, stance},
    writer::{Error, Writer},
};
use crate::{
    build::{ANNOTATION_TEMPLATE, Resources},
    dereference::{Caches, Dereferenced},
    main_object::Main,
    observe::has_ended,
    validate::Identity,
};

type Known = PartialObjectMeta<ConfigMap>;

/// Makes the ConfigMaps that are missing, unless one of the name is not this plan's. What is there already holds what
/// it should, as its name says what that is and Kubernetes keeps it from changing.
pub(super) async fn ensure(
    writer: &Writer,
    caches: &Caches,
    identity: &Identity,
    desired: &[ConfigMap],
) -> Result<Stance, Error> {
    let mut result = Stance::Ours;
    for config_map in desired {
        let known = caches.config_maps.get(&identity.namespace, &config_map.name_any());
        if known.as_deref().is_some_and(|known| is_complete(known, config_map, identity)) {
            continue;
        }
        result = result.max(make(writer, caches, identity, config_map.clone()).await?);
    }
    Ok(result)
}

/// Makes one that the cache does not hold. If it is there all the same, whose it is decides.
async fn make(
    writer: &Writer,
    caches: &Caches,
    identity: &Identity,
    config_map: ConfigMap,
) -> Result<Stance, Error> {
    let failed = |source| Error::new::<ConfigMap>("apply", source);
    let written = match writer.applier.create(config_map.clone()).await.map_err(failed)? {
        Created::Written(written) => Some(written),
        Created::InTheWay => {
            let live = live(writer, &identity.namespace, &config_map.name_any()).await?;
            let stance = live.map_or(Stance::Ours, |live| stance(&live.metadata, identity));
            if stance != Stance::Ours {
                return Ok(stance);
            }
            writer.applier.apply(config_map, None).await.map_err(failed)?.written()
        }
    };
    written.into_iter().for_each(|it| caches.config_maps.record(it.metadata.into_response_partial()));
    Ok(Stance::Ours)
}

/// Removes the ConfigMaps of earlier templates, of which no instance may be left: one that is started anew would find
/// its files gone.
///
/// # Errors
/// If the API server cannot be asked or says no.
pub async fn prune(writer: &Writer, resources: &Resources, found: &Dereferenced) -> Result<(), Error> {
    let current = resources.main.template_hash();
    let earlier_pod = |pod: &Arc<Pod>| may_run(pod) && template_of(pod) != current;
    // Between two attempts a run has no instance, and will have one.
    let earlier_run = |run: &Arc<Job>| !has_ended(run) && Main::Job(run.clone()).template_hash() != current;
    if found.pods.iter().any(earlier_pod) || found.runs.iter().chain(&found.mains.job).any(earlier_run) {
        return Ok(());
    }
    // What the template adds has an inventory of its own.
    let added =
        |name: &str| resources.extras.iter().any(|it| it.place.to_string() == format!("v1/ConfigMap/{name}"));
    let wanted = |known: &Arc<Known>| {
        let name = known.name_any();
        resources.config_maps.iter().any(|it| it.name_any() == name) || added(&name)
    };
    for known in found.config_maps.iter().filter(|known| !wanted(known)) {
        writer.applier.delete(&**known).await.map_err(|source| Error::new::<ConfigMap>("delete", source))?;
    }
    Ok(())
}

/// Whether nothing needs to be written.
fn is_complete(known: &Known, desired: &ConfigMap, identity: &Identity) -> bool {
    let labelled = desired.labels().iter().all(|(key, value)| known.labels().get(key) == Some(value));
    labelled
        && known.annotations().contains_key(ANNOTATION_APPLIED)
        && stance(&known.metadata, identity) == Stance::Ours
}

async fn live(writer: &Writer, namespace: &str, name: &str) -> Result<Option<Known>, Error> {
    let api = Api::<ConfigMap>::namespaced(writer.client.clone(), namespace);
    api.get_metadata_opt(name).await.map_err(|source| Error::new::<ConfigMap>("look for", source))
}

/// Whether the containers of a pod may be started again.
fn may_run(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    !matches!(phase, Some("Failed" | "Succeeded"))
}

fn template_of(pod: &Pod) -> Option<&str> {
    pod.annotations().get(ANNOTATION_TEMPLATE).map(String::as_str)
}
