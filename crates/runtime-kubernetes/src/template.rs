//! What the platform's template makes of a plan beyond the runtime's own objects: [`Patch`]es of those, [`Extra`]
//! objects besides, and [`Route`]s from outside. Pure.

mod merge;
mod objects;
mod patch;
mod route;

use std::collections::BTreeMap;

use api_types::{Protocol, WorkloadPlan};
use object_template::Renderer;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

pub use self::{
    objects::{Extra, is_route, permissible},
    patch::{Misfit, Patch},
    route::{GatewayValues, IngressValues, Route, open},
};
use crate::{
    validate::{Identity, ValidPort},
    values::{Values, problem},
};

/// `template.values`, as far as the template is concerned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// How the ports are reached.
    pub service: ServiceValues,
    ingress: Option<IngressValues>,
    gateway: Option<GatewayValues>,
    patches: Vec<Value>,
    objects: Vec<Value>,
    /// What the strings of patches and objects may name, apart from the ports.
    context: Map<String, Value>,
}

/// `template.values.service`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceValues {
    /// The type.
    #[serde(rename = "type", default)]
    pub type_: ServiceType,
    /// What those are told who make it reachable.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// From where the ports are reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum ServiceType {
    /// From inside the cluster.
    #[default]
    ClusterIP,
    /// Also at a port of every node.
    NodePort,
    /// Also at an address of its own.
    LoadBalancer,
}

impl ServiceType {
    /// As Kubernetes writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClusterIP => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
        }
    }
}

/// What a template makes of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// What is changed in the runtime's own objects, in order.
    pub patches: Vec<Patch>,
    /// What is made besides.
    pub extras: Vec<Extra>,
    /// The ways in from outside, the preferred one first.
    pub routes: Vec<Route>,
}

impl Template {
    /// Reads `values`, adding a sentence to `problems` for everything that is wrong.
    pub fn read(
        values: &Values,
        identity: &Identity,
        plan: &WorkloadPlan,
        problems: &mut Vec<String>,
    ) -> Self {
        let template = Self {
            service: part("service", values.service.as_ref(), problems).unwrap_or_default(),
            ingress: part("ingress", values.ingress.as_ref(), problems),
            gateway: part("gateway", values.gateway.as_ref(), problems),
            patches: part("patches", values.patches.as_ref(), problems).unwrap_or_default(),
            objects: part("objects", values.objects.as_ref(), problems).unwrap_or_default(),
            context: context(identity, plan),
        };
        let ingress = template.ingress.as_ref().and_then(IngressValues::problem).map(|why| ("ingress", why));
        let gateway = template.gateway.as_ref().and_then(GatewayValues::problem).map(|why| ("gateway", why));
        problems.extend(ingress.into_iter().chain(gateway).map(|(key, why)| problem(key, why)));
        template
    }

    /// What the template makes of the plan with these ports.
    ///
    /// # Errors
    /// The first part of the template that does not fit.
    pub fn render(&self, identity: &Identity, ports: &[ValidPort]) -> Result<Rendered, Misfit> {
        let mut routes = Vec::new();
        if let Some(gateway) = &self.gateway {
            routes.extend(gateway.route(identity, ports)?);
        }
        if let Some(ingress) = &self.ingress {
            routes.extend(ingress.route(identity, ports)?);
        }
        if self.patches.is_empty() && self.objects.is_empty() {
            return Ok(Rendered { routes, ..Rendered::default() });
        }
        let mut context = self.context.clone();
        context.insert("service".into(), json!({"ports": ports.iter().map(port).collect::<Vec<_>>()}));
        let renderer = Renderer::of(&context.into());
        let patches = self.patches.iter().enumerate();
        Ok(Rendered {
            patches: patches
                .map(|(at, patch)| Patch::render(at + 1, patch, &renderer))
                .collect::<Result<_, _>>()?,
            extras: objects::render(identity, &self.objects, &renderer)?,
            routes,
        })
    }
}

fn part<T: DeserializeOwned>(key: &str, value: Option<&Value>, problems: &mut Vec<String>) -> Option<T> {
    let read = T::deserialize(value?);
    read.map_err(|error| {
        problems.push(problem(key, &format!("cannot be read (`{}`)", plain(&error.to_string()))))
    })
    .ok()
}

/// Without the marks that would end a quotation.
fn plain(text: &str) -> String {
    text.replace('`', "'")
}

fn context(identity: &Identity, plan: &WorkloadPlan) -> Map<String, Value> {
    let values = &plan.spec.template.values.0;
    let containers = plan.spec.containers.iter();
    let containers: Map<_, _> =
        containers.map(|(name, container)| (name.clone(), json!({"image": container.image}))).collect();
    let kept = values.iter().filter(|(key, _)| !["claims", "objects", "patches"].contains(&key.as_str()));
    let kept: Map<_, _> = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
    let workload = json!({
        "name": identity.name, "namespace": identity.namespace, "uid": identity.workload_uid,
        "annotations": plan.spec.annotations,
    });
    let claims = values.get("claims").cloned().unwrap_or_else(|| json!({}));
    [("workload", workload), ("containers", containers.into()), ("claims", claims), ("values", kept.into())]
        .map(|(key, value)| (key.to_owned(), value))
        .into_iter()
        .collect()
}

fn port(port: &ValidPort) -> Value {
    let protocol = match port.protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    };
    json!({"name": port.name, "port": port.port, "targetPort": port.target, "protocol": protocol})
}

#[cfg(test)]
mod tests;
