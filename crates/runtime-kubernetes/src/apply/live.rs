//! What has the names that a plan needs, and whose it is.

use std::{fmt::Debug, sync::Arc};

use k8s_openapi::{
    api::{autoscaling::v2::HorizontalPodAutoscaler, core::v1::Service},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::Resource;

use super::writer::{Error, Writer};
use crate::{
    build::Resources,
    dereference::Dereferenced,
    main_object::{Main, Mains},
    validate::Identity,
    values::Kind,
};

/// What has one of the names that the plan needs.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) mains: Mains,
    pub(super) service: Option<Arc<Service>>,
    pub(super) governing: Option<Arc<Service>>,
    pub(super) autoscaler: Option<Arc<HorizontalPodAutoscaler>>,
}

/// Whose an object is that has a name that the plan needs, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stance {
    /// Nobody's, or this plan's.
    Ours,
    /// It is being deleted, or belongs to an earlier plan of the name and will be.
    Leaving,
    /// It was not made for any plan of this name.
    Foreign,
}

/// What there is under the names of `resources`. What the caches do not hold is none of ours; it must not be
/// overwritten, so the API server is asked for it. Not for a main object that is not to be.
pub(super) async fn look(
    writer: &Writer,
    main: Option<&Main>,
    resources: &Resources,
    found: &Dereferenced,
) -> Result<Live, Error> {
    let (mains, service, governing, autoscaler) = tokio::try_join!(
        writer.live_mains(main, found.mains.clone()),
        writer.live(resources.service.as_ref(), found.service.clone()),
        writer.live(resources.governing.as_ref(), found.governing.clone()),
        writer.live(resources.autoscaler.as_ref(), found.autoscaler.clone()),
    )?;
    Ok(Live { mains, service, governing, autoscaler })
}

impl Live {
    /// The worst of everything that stands where `resources` are to be, or where something must be gone before.
    pub(super) fn stance(&self, resources: &Resources, identity: &Identity) -> Stance {
        let wanted = resources.main.kind();
        let main = self.mains.of(wanted).map(|main| stance(main.metadata(), identity));
        let others = self.mains.others(wanted).into_iter();
        // Of another kind a stranger has another name, and what may run beside the new need not be waited for.
        let leaving = others
            .filter(|former| !former.kind().may_overlap(wanted))
            .map(|former| stance(former.metadata(), identity))
            .find(|stance| *stance == Stance::Leaving);
        let beside = [
            place(resources.service.as_ref(), self.service.as_deref(), identity),
            place(resources.governing.as_ref(), self.governing.as_deref(), identity),
            place(resources.autoscaler.as_ref(), self.autoscaler.as_deref(), identity),
        ];
        main.into_iter().chain(leaving).chain(beside).max().unwrap_or(Stance::Ours)
    }

    /// Without what is not this plan's, which it never touches.
    pub(super) fn without_strangers(self, identity: &Identity) -> Self {
        Self {
            mains: Mains {
                deployment: ours(self.mains.deployment, identity),
                stateful_set: ours(self.mains.stateful_set, identity),
                job: ours(self.mains.job, identity),
                cron_job: ours(self.mains.cron_job, identity),
            },
            service: ours(self.service, identity),
            governing: ours(self.governing, identity),
            autoscaler: ours(self.autoscaler, identity),
        }
    }
}

impl Kind {
    /// Whether instances of this kind may go on until those of the other have taken their place.
    pub(super) fn may_overlap(self, other: Self) -> bool {
        self.keeps_running() && other.keeps_running()
    }
}

fn place<K: Resource>(desired: Option<&K>, live: Option<&K>, identity: &Identity) -> Stance {
    live.filter(|_| desired.is_some()).map_or(Stance::Ours, |live| stance(live.meta(), identity))
}

fn ours<K: Resource>(live: Option<Arc<K>>, identity: &Identity) -> Option<Arc<K>> {
    live.filter(|live| stance(live.meta(), identity) == Stance::Ours)
}

/// Whose `live` is.
/// Whose the object of this metadata is.
pub(crate) fn stance(live: &ObjectMeta, identity: &Identity) -> Stance {
    let plan = identity.owner_reference();
    let mut owners = live.owner_references.iter().flatten();
    match owners.find(|owner| owner.kind == plan.kind && owner.name == plan.name) {
        None => Stance::Foreign,
        Some(owner) if owner.uid != plan.uid || live.deletion_timestamp.is_some() => Stance::Leaving,
        Some(_) => Stance::Ours,
    }
}
