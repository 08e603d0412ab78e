//! Containers that refer to what there is, wait for each other without a cycle, and ask for no more than their limits.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use api_types::{
    BeforeCondition, BeforeReady, Container, ContainerFile, ContainerResources, ContainerVolume, Probe,
    ResourceQuantities,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, rngs::StdRng};
use score_spec::names::MountPath;
use score_spec::quantity::{Cpu, Memory};

use crate::consistent::Scope;
use crate::{Settings, texts};

/// Makes the containers of a Workload valid.
pub(crate) fn make(
    containers: &mut BTreeMap<String, Container>,
    settings: &Settings,
    scope: &Scope,
    rng: &mut StdRng,
) {
    while containers.len() > settings.containers.max(1) {
        containers.pop_last();
    }
    for container in containers.values_mut() {
        container.image = settings.image.clone().unwrap_or_else(|| texts::image(rng));
        let variables = std::mem::take(&mut container.variables).into_keys();
        container.variables = variables.map(|_| (texts::variable(rng), scope.text(rng))).collect();
        make_mounts(container, scope, rng);
        container.resources.iter_mut().for_each(make_resources);
        make_probe(&mut container.liveness_probe, rng);
        make_probe(&mut container.readiness_probe, rng);
    }
    make_before(containers, rng);
}

fn make_mounts(container: &mut Container, scope: &Scope, rng: &mut StdRng) {
    let mut taken: BTreeSet<MountPath> = BTreeSet::new();
    let mut free = |rng: &mut StdRng| {
        let path = texts::path(rng);
        path.parse().is_ok_and(|path| taken.insert(path)).then_some(path)
    };
    let files = std::mem::take(&mut container.files).into_values();
    container.files = files.filter_map(|item| Some((free(rng)?, file(item, scope, rng)))).collect();
    let volumes = std::mem::take(&mut container.volumes).into_values();
    container.volumes = volumes.filter_map(|item| Some((free(rng)?, volume(item, scope, rng)?))).collect();
}

fn file(file: ContainerFile, scope: &Scope, rng: &mut StdRng) -> ContainerFile {
    let text = match rng.random_range(0..3) {
        0 => {
            let bytes: Vec<u8> = (0..rng.random_range(0..40)).map(|_| rng.random()).collect();
            return ContainerFile {
                content: None,
                binary_content: Some(STANDARD.encode(bytes)),
                source: None,
                ..file
            };
        }
        // What is not expanded may hold anything.
        1 if file.no_expand == Some(true) => format!("${{none}} ${{}} {}", texts::any(rng)),
        _ => scope.text(rng),
    };
    ContainerFile { content: Some(text), binary_content: None, source: None, ..file }
}

fn volume(volume: ContainerVolume, scope: &Scope, rng: &mut StdRng) -> Option<ContainerVolume> {
    let resource = scope.volumes.choose(rng)?;
    let path = volume.path.map(|_| texts::path(rng).trim_start_matches(['/', '.']).to_owned());
    Some(ContainerVolume { source: format!("${{resources.{resource}}}"), path, ..volume })
}

/// Quantities that cannot be counted with are left out, and requests above their limits.
fn make_resources(resources: &mut ContainerResources) {
    for quantities in [&mut resources.limits, &mut resources.requests].into_iter().flatten() {
        quantities.cpu.take_if(|cpu| cpu.parse::<Cpu>().is_err());
        quantities.memory.take_if(|memory| memory.parse::<Memory>().is_err());
    }
    let Some(limits) = &resources.limits else { return };
    let Some(requests) = &mut resources.requests else { return };
    fn amount<Q: FromStr>(text: Option<&String>, amount: fn(Q) -> u64) -> Option<u64> {
        text.and_then(|text| text.parse().ok()).map(amount)
    }
    let cpu = |quantities: &ResourceQuantities| amount(quantities.cpu.as_ref(), Cpu::millicores);
    let memory = |quantities: &ResourceQuantities| amount(quantities.memory.as_ref(), Memory::bytes);
    if cpu(limits).zip(cpu(requests)).is_some_and(|(limit, request)| request > limit) {
        requests.cpu.clone_from(&limits.cpu);
    }
    if memory(limits).zip(memory(requests)).is_some_and(|(limit, request)| request > limit) {
        requests.memory.clone_from(&limits.memory);
    }
}

fn make_probe(slot: &mut Option<Probe>, rng: &mut StdRng) {
    let Some(probe) = slot else { return };
    if probe.http_get.is_none() && probe.exec.is_none() {
        *slot = None;
        return;
    }
    if let Some(http_get) = &mut probe.http_get {
        http_get.path = format!("/{}", texts::line(rng));
        if http_get.host.is_some() {
            http_get.host = Some(format!("{}.example.com", texts::name(rng)));
        }
        for header in &mut http_get.http_headers {
            header.value = format!("x{}", texts::line(rng));
        }
    }
}

/// Each may run before those that come after it in a random order, so there is no cycle.
fn make_before(containers: &mut BTreeMap<String, Container>, rng: &mut StdRng) {
    let mut order: Vec<String> = containers.keys().cloned().collect();
    order.shuffle(rng);
    for (position, name) in order.iter().enumerate() {
        let Some(container) = containers.get_mut(name) else { continue };
        let has_probe = container.readiness_probe.is_some() || container.liveness_probe.is_some();
        // What has ended answers no probe: one container is waited for in one of these ways, or to be started.
        let most =
            *[BeforeReady::Complete, BeforeReady::Healthy].choose(rng).unwrap_or(&BeforeReady::Complete);
        let most = if has_probe || most == BeforeReady::Complete { most } else { BeforeReady::Started };
        let mut before = BTreeMap::new();
        for later in &order[position + 1..] {
            if rng.random_ratio(1, 3) {
                let ready = if rng.random() { most } else { BeforeReady::Started };
                before.insert(later.clone(), BeforeCondition { ready });
            }
        }
        container.before = before;
    }
}
