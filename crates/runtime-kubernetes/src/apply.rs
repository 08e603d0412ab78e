//! Step 4: makes the cluster hold what was built, without ever taking over what is somebody else's.

mod files;
mod live;
mod refused;
mod succession;
mod writer;

use std::{collections::BTreeMap, sync::Arc};

use api_types::{Reason, metadata::ANNOTATION_APPLIED};
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt as _;

pub(crate) use self::live::{Stance, stance};
pub use self::writer::{Error, Writer};
use self::{live::Live, refused::Trouble};
use crate::{
    build::Resources,
    dereference::{Caches, Dereferenced},
    main_object::Main,
    messages::{NAME_TAKEN, PREDECESSOR, Refusal},
    observe::{Failing, Underway},
    validate::ValidPlan,
};

pub use self::files::prune;
/// What became of the objects.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The cluster holds them.
    Applied(Applied),
    /// The API server, or this controller's manners, said no.
    Refused(Failing),
    /// Something that must not run beside them is on its way out.
    Waiting(Underway),
}

/// What runs now.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The main object as it is now.
    pub main: Main,
    /// What ran the Workload as another kind of work, and goes on doing so until the main object does.
    pub formers: Vec<Main>,
}

/// Makes the cluster hold `resources`, and nothing that the plan no longer wants, save what is to serve until they do.
///
/// # Errors
/// If the API server cannot be asked or answers with something that the next attempt may mend.
pub async fn apply(
    writer: &Writer,
    caches: &Caches,
    plan: &ValidPlan,
    resources: &Resources,
    found: &Dereferenced,
) -> Result<Outcome, Error> {
    let identity = &plan.identity;
    // What completed must not run again because somebody removed it.
    let main = (!found.has_completed(plan)).then_some(&resources.main);
    let live = live::look(writer, main, resources, found).await?;
    if let Some(outcome) = in_the_way(live.stance(resources, identity)) {
        return Ok(outcome);
    }
    let live = live.without_strangers(identity);
    let formers = live.mains.others(resources.main.kind());
    if writer.make_way(&resources.main, &live.mains).await? {
        return Ok(Outcome::Waiting(Underway::because(PREDECESSOR)));
    }
    match files::ensure(writer, caches, identity, &resources.config_maps).await.map(in_the_way) {
        Ok(None) => {}
        Ok(Some(outcome)) => return Ok(outcome),
        Err(error) => return Trouble::of(error, &resources.main).outcome(),
    }
    match write(writer, caches, main, resources, live).await {
        Ok(main) => Ok(Outcome::Applied(Applied { main, formers })),
        Err(trouble) => trouble.outcome(),
    }
}

/// What to do if not everything that has the names is the plan's.
fn in_the_way(whose: Stance) -> Option<Outcome> {
    match whose {
        Stance::Ours => None,
        Stance::Leaving => Some(Outcome::Waiting(Underway::because(PREDECESSOR))),
        Stance::Foreign => Some(Outcome::Refused(denied(NAME_TAKEN).slowly())),
    }
}

async fn write(
    writer: &Writer,
    caches: &Caches,
    wanted: Option<&Main>,
    resources: &Resources,
    live: Live,
) -> Result<Main, Trouble> {
    // Without `..`, so that what is built and not applied does not compile.
    // What the template adds is made afterwards.
    let Resources { main, service, governing, autoscaler, config_maps: _, extras: _, routes: _ } = resources;
    // Instances that go on while others take their place keep their names.
    let named = live.governing.filter(|_| governing.is_some() || live.mains.stateful_set.is_none());
    let (written, served, governed, scaled) = tokio::join!(
        async {
            match wanted {
                Some(main) => {
                    writer.write_main(&succession::inheriting(main, &live.mains), live.mains, caches).await
                }
                None => Ok(main.clone()),
            }
        },
        writer.write_or_delete(service.as_ref(), comparable(service, live.service), &caches.services),
        writer.write_or_delete(governing.as_ref(), comparable(governing, named), &caches.services),
        writer.write_or_delete(autoscaler.as_ref(), live.autoscaler, &caches.autoscalers),
    );
    refused::settle(written, [served, governed, scaled], main)
}

/// The Service that is there, such that it is written if it selects anything else than it should. One label more
/// selects less, so what others add to a selector is no addition but a change, unlike elsewhere.
fn comparable(desired: &Option<Service>, live: Option<Arc<Service>>) -> Option<Arc<Service>> {
    let mut live = live?;
    if desired.as_ref().is_some_and(|desired| selector(&live) != selector(desired)) {
        // Without it nothing counts as applied.
        Arc::make_mut(&mut live).annotations_mut().remove(ANNOTATION_APPLIED);
    }
    Some(live)
}

fn selector(service: &Service) -> Option<&BTreeMap<String, String>> {
    service.spec.as_ref()?.selector.as_ref()
}

fn denied(message: &str) -> Failing {
    Failing::from(Refusal { reason: Reason::PermissionDenied, message: message.to_owned() })
}
