//! A Workload that was found valid. Whoever holds one can build from it without checking anything again.

use std::collections::BTreeMap;

use api_types::{
    BeforeReady, ContainerResources, OpenObject, Probe, Protocol, ResourceQuantities, Service, ServicePort,
};
use serde_json::Value;

use crate::identity::{self, ResourceUid};
use crate::names::{
    ContainerName, MountPath, PortName, ResourceClass, ResourceId, ResourceKey, ResourceType, VariableName,
    WorkloadName,
};
use crate::placeholder::BoundTemplate;
use crate::quantity::{Cpu, Memory};

/// A valid Workload, with every default in place and every placeholder known to refer to something declared.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ValidWorkload {
    /// The name.
    pub name: WorkloadName,
    /// The namespace; not empty.
    pub namespace: String,
    /// The uid; not empty.
    pub uid: String,
    /// The generation; at least 1.
    pub generation: i64,
    /// The platform profile that the spec names.
    pub profile: Option<String>,
    /// The containers; at least one.
    pub containers: BTreeMap<ContainerName, ValidContainer>,
    /// The ports on which the Workload serves others.
    pub ports: Vec<ValidPort>,
    /// What the Workload depends on.
    pub resources: BTreeMap<ResourceKey, ValidResource>,
    /// The keys of all resources, each after those whose outputs its params need.
    pub resource_order: Vec<ResourceKey>,
}

/// A valid container.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ValidContainer {
    /// The image; never `.`.
    pub image: String,
    /// Overrides the image's entrypoint.
    pub command: Vec<String>,
    /// Overrides the image's arguments.
    pub args: Vec<String>,
    /// The environment.
    pub variables: BTreeMap<VariableName, BoundTemplate>,
    /// Files by target path.
    pub files: BTreeMap<MountPath, ValidFile>,
    /// Volumes by mount path.
    pub volumes: BTreeMap<MountPath, ValidVolume>,
    /// The containers that this one runs before, and what it must have reached for them to start.
    pub before: BTreeMap<ContainerName, BeforeReady>,
    /// Compute resources.
    pub compute: Compute,
    /// When to restart the container.
    pub liveness_probe: Option<Probe>,
    /// When to send requests to the container.
    pub readiness_probe: Option<Probe>,
}

/// A valid file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidFile {
    /// What is in it.
    pub content: FileContent,
    /// The access mode, as a number.
    pub mode: Option<u32>,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileContent {
    /// Text in which placeholders are expanded.
    Template(BoundTemplate),
    /// Text as it is.
    Text(String),
    /// Bytes as they are.
    Bytes(Vec<u8>),
}

/// A valid volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidVolume {
    /// The resource that is the volume.
    pub resource: ResourceKey,
    /// A relative path inside the volume; not empty.
    pub path: Option<String>,
    /// Whether the container may not write.
    pub read_only: bool,
}

/// Valid compute resources: no request is above its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compute {
    /// What the container is sure to get.
    pub requests: Quantities,
    /// The most that the container may use.
    pub limits: Quantities,
}

/// Quantities of memory and CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantities {
    /// CPU.
    pub cpu: Option<Cpu>,
    /// Memory.
    pub memory: Option<Memory>,
}

/// A valid port; no other has the same number and protocol, or the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidPort {
    /// A name, which other Workloads can use.
    pub name: Option<PortName>,
    /// The port that others use; not 0.
    pub port: u16,
    /// The port that the container listens on; not 0.
    pub target_port: u16,
    /// The transport protocol.
    pub protocol: Protocol,
}

/// A valid resource.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ValidResource {
    /// What it is.
    pub type_: ResourceType,
    /// Which variant of the type.
    pub class: ResourceClass,
    /// Equal type, class and id in one namespace mean one shared resource.
    pub id: Option<ResourceId>,
    /// Free metadata for the provisioner.
    pub metadata: OpenObject,
    /// Parameters for the provisioner.
    pub params: Option<Params>,
}

/// Params with their placeholders, by name.
pub type Params = BTreeMap<String, JsonTemplate>;

/// A JSON value in whose strings placeholders are expanded; keys of objects are left as they are.
#[derive(Clone, Debug, PartialEq)]
pub enum JsonTemplate {
    /// A string.
    Text(BoundTemplate),
    /// A list.
    List(Vec<JsonTemplate>),
    /// An object.
    Object(BTreeMap<String, JsonTemplate>),
    /// Null, a boolean or a number.
    Scalar(Value),
}

impl ValidWorkload {
    /// The ports as the API writes them, with every default in place; none if there is no port.
    pub fn service(&self) -> Option<Service> {
        let ports: Vec<_> = self.ports.iter().map(ValidPort::to_api).collect();
        (!ports.is_empty()).then_some(Service { ports })
    }
}

impl ValidResource {
    /// What identifies the resource that a Workload declares under a key.
    pub fn uid(&self, workload: &WorkloadName, key: &ResourceKey) -> ResourceUid {
        match &self.id {
            Some(id) => ResourceUid::shared(&self.type_, &self.class, id),
            None => ResourceUid::owned(&self.type_, &self.class, workload, key),
        }
    }

    /// The name of the claim for the resource that a Workload declares under a key.
    pub fn claim_name(&self, workload: &WorkloadName, key: &ResourceKey) -> String {
        match &self.id {
            Some(_) => identity::shared_claim_name(&self.uid(workload, key)),
            None => identity::claim_name(workload, key),
        }
    }
}

impl Compute {
    /// The same as the API writes it; nothing if there is none.
    pub fn to_api(self) -> Option<ContainerResources> {
        let (limits, requests) = (self.limits.to_api(), self.requests.to_api());
        (limits.is_some() || requests.is_some()).then_some(ContainerResources { limits, requests })
    }
}

impl Quantities {
    /// The same as the API writes it, in the grammar of Score; nothing if there is none.
    pub fn to_api(self) -> Option<ResourceQuantities> {
        let (cpu, memory) = (self.cpu.map(Cpu::to_score_text), self.memory.map(Memory::to_score_text));
        (cpu.is_some() || memory.is_some()).then_some(ResourceQuantities { memory, cpu })
    }
}

impl ValidPort {
    /// The same as the API writes it, with every default in place.
    pub fn to_api(&self) -> ServicePort {
        ServicePort {
            name: self.name.as_ref().map(PortName::to_string),
            port: i32::from(self.port),
            target_port: Some(i32::from(self.target_port)),
            protocol: Some(self.protocol),
        }
    }
}
