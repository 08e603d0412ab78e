//! The objects after the platform's patches.

use std::{collections::BTreeSet, sync::Arc};

use kube::core::ApiResource;

use super::Resources;
use crate::{
    main_object::Main,
    template::{Misfit, Patch, Route},
    values::Kind,
};

/// Kinds that can be patched although a plan may have no object of them.
const BESIDE: [&str; 4] = ["Service", "HorizontalPodAutoscaler", "Ingress", "HTTPRoute"];

/// `own`, patched in order, with its routes among the extra objects.
///
/// # Errors
/// If a patch does not fit, or if an extra object has the place of another.
pub(super) fn patch(own: Resources, patches: &[Patch]) -> Result<Resources, Misfit> {
    check_targets(own.main.kind(), patches)?;
    let mut resources = patches.iter().try_fold(own, patch_all)?;
    let routes = resources.routes.iter().map(|route| route.extra.clone());
    resources.extras.splice(0..0, routes);
    check_places(&resources)?;
    Ok(resources)
}

fn patch_all(own: Resources, patch: &Patch) -> Result<Resources, Misfit> {
    // Without `..`, so that what is built and not patched does not compile. What the template adds it need not patch,
    // and what is named after its content cannot have another.
    let Resources { main, service, governing, autoscaler, config_maps, extras, routes } = own;
    Ok(Resources {
        main: patch_main(main, patch)?,
        service: service.map(|service| patch.apply(&(), service)).transpose()?,
        governing: governing.map(|service| patch.apply(&(), service)).transpose()?,
        autoscaler: autoscaler.map(|autoscaler| patch.apply(&(), autoscaler)).transpose()?,
        config_maps,
        extras,
        routes: routes.into_iter().map(|route| patch_route(route, patch)).collect::<Result<_, _>>()?,
    })
}

fn patch_main(main: Main, patch: &Patch) -> Result<Main, Misfit> {
    Ok(match main {
        Main::Deployment(object) => {
            Main::Deployment(Arc::new(patch.apply(&(), Arc::unwrap_or_clone(object))?))
        }
        Main::StatefulSet(object) => {
            Main::StatefulSet(Arc::new(patch.apply(&(), Arc::unwrap_or_clone(object))?))
        }
        Main::Job(object) => Main::Job(Arc::new(patch.apply(&(), Arc::unwrap_or_clone(object))?)),
        Main::CronJob(object) => Main::CronJob(Arc::new(patch.apply(&(), Arc::unwrap_or_clone(object))?)),
    })
}

fn patch_route(mut route: Route, patch: &Patch) -> Result<Route, Misfit> {
    let kind = ApiResource::from_gvk(&route.extra.place.kind.gvk());
    route.extra.object = patch.apply(&kind, route.extra.object)?;
    Ok(route)
}

/// A Workload may choose its kind of work. It must not get around a patch by choosing one that has none.
fn check_targets(kind: Kind, patches: &[Patch]) -> Result<(), Misfit> {
    let work = |patch: &Patch| Kind::ALL.iter().any(|(name, _)| *name == patch.kind());
    if let Some(unknown) = patches.iter().find(|patch| !work(patch) && !BESIDE.contains(&patch.kind())) {
        return Err(unknown.misfit(format!("the runtime makes no {}", unknown.kind())));
    }
    let meant: Vec<_> = patches.iter().filter(|patch| work(patch)).collect();
    match meant.first() {
        Some(first) if meant.iter().all(|patch| patch.kind() != kind.to_string()) => Err(first
            .misfit(format!("no patch is for a {kind}, which the workload is: add one, which may be empty"))),
        _ => Ok(()),
    }
}

/// No two objects can be one.
fn check_places(resources: &Resources) -> Result<(), Misfit> {
    let name = resources.main.metadata().name.as_deref();
    let services = [&resources.service, &resources.governing].into_iter().flatten();
    let services: Vec<_> = services.filter_map(|service| service.metadata.name.as_deref()).collect();
    let mut taken = BTreeSet::new();
    for extra in &resources.extras {
        let place = &extra.place;
        let (kind, called) = (&place.kind, place.name.as_str());
        let own = match (kind.group(), kind.kind()) {
            ("apps", "Deployment" | "StatefulSet") | ("batch", "Job" | "CronJob") => name == Some(called),
            ("autoscaling", "HorizontalPodAutoscaler") => name == Some(called),
            ("", "Service") => services.contains(&called),
            _ => false,
        };
        if own || !taken.insert((kind.group(), kind.kind(), called)) {
            return Err(Misfit::new(&extra.part, format!("{place} is made already")));
        }
    }
    Ok(())
}
