//! What the platform adds to the objects that the runtime makes. Pure.

use std::{fmt, str::FromStr};

use api_types::metadata::labels;
use kube::core::{DynamicObject, GroupVersionKind};
use serde_json::Value;

use super::{patch::Misfit, render::Renderer};
use crate::{FIELD_MANAGER, validate::Identity};

/// A kind of object, as `policy/v1/PodDisruptionBudget` or `v1/ConfigMap`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKind {
    /// `group/version`, or `version` of the core group.
    pub api_version: String,
    /// The kind.
    pub kind: String,
}

impl ObjectKind {
    /// The API group, empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// As the client wants it.
    pub fn gvk(&self) -> GroupVersionKind {
        let version = self.api_version.rsplit('/').next().unwrap_or_default();
        GroupVersionKind::gvk(self.group(), version, &self.kind)
    }

    /// Whether its objects lead from outside to a Workload.
    pub fn is_route(&self) -> bool {
        matches!(
            (self.group(), self.kind.as_str()),
            ("networking.k8s.io", "Ingress") | ("gateway.networking.k8s.io", "HTTPRoute")
        )
    }

    /// Why a template may never make such objects, whatever the platform grants.
    fn taboo(&self) -> Option<&'static str> {
        match (self.group(), self.kind.as_str()) {
            ("", "Secret") => Some("objects that hold secrets are made by provisioners alone"),
            ("rbac.authorization.k8s.io" | "authorization.k8s.io" | "certificates.k8s.io", _) => {
                Some("rights are not given by templates")
            }
            ("apiextensions.k8s.io" | "admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => {
                Some("the API is not changed by templates")
            }
            ("score.dev", _) => Some("it belongs to the controllers of Score"),
            _ => None,
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.api_version, self.kind)
    }
}

/// What is not a [`ObjectKind`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectKindError {
    /// It does not have the form of one.
    #[error("`{0}` is not of the form group/version/Kind, or version/Kind in the core group")]
    Malformed(String),
    /// Templates may never make it.
    #[error("`{0}` cannot be allowed: {1}")]
    Taboo(String, &'static str),
}

impl FromStr for ObjectKind {
    type Err = ObjectKindError;

    fn from_str(text: &str) -> Result<Self, ObjectKindError> {
        let malformed = || ObjectKindError::Malformed(text.to_owned());
        let (api_version, kind) = text.rsplit_once('/').ok_or_else(malformed)?;
        let parts = || api_version.split('/').chain([kind]);
        if !(2..=3).contains(&parts().count()) || parts().any(str::is_empty) {
            return Err(malformed());
        }
        let kind = Self { api_version: api_version.to_owned(), kind: kind.to_owned() };
        match kind.taboo() {
            Some(why) => Err(ObjectKindError::Taboo(text.to_owned(), why)),
            None => Ok(kind),
        }
    }
}

/// An object that is made besides the runtime's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Extra {
    /// Which part of the template asks for it: `object 2`.
    pub part: String,
    /// Its kind.
    pub kind: ObjectKind,
    /// The whole of it, labelled and owned.
    pub object: DynamicObject,
}

impl Extra {
    /// The object that is made of `manifest` for the plan.
    ///
    /// # Errors
    /// If it is none, or claims what is not its own to decide.
    pub fn read(part: String, identity: &Identity, manifest: Value) -> Result<Self, Misfit> {
        Self::owned(identity, manifest)
            .map(|(kind, object)| Self { part: part.clone(), kind, object })
            .map_err(|why| Misfit::new(part, why))
    }

    fn owned(identity: &Identity, manifest: Value) -> Result<(ObjectKind, DynamicObject), String> {
        let mut object: DynamicObject =
            serde_json::from_value(manifest).map_err(|error| error.to_string())?;
        let types = object.types.clone().ok_or("it needs apiVersion and kind")?;
        let kind: ObjectKind = format!("{}/{}", types.api_version, types.kind)
            .parse()
            .map_err(|error: ObjectKindError| error.to_string())?;
        let metadata = &mut object.metadata;
        if metadata.name.as_ref().is_none_or(String::is_empty) {
            return Err("it needs metadata.name".into());
        }
        if metadata.namespace.get_or_insert_with(|| identity.namespace.clone()) != &identity.namespace {
            return Err("metadata.namespace can only be that of the workload".into());
        }
        if metadata.owner_references.is_some() || metadata.finalizers.is_some() {
            return Err("metadata.ownerReferences and metadata.finalizers cannot be set".into());
        }
        let own = |key: &String| key.starts_with("score.dev/");
        if metadata.annotations.iter().flatten().any(|(key, _)| own(key)) {
            return Err("annotations of score.dev cannot be set".into());
        }
        metadata.labels.get_or_insert_default().extend(labels(&identity.name, FIELD_MANAGER));
        metadata.owner_references = Some(vec![identity.owner_reference()]);
        if let Value::Object(fields) = &mut object.data {
            fields.remove("status");
        }
        Ok((kind, object))
    }

    /// Where it lies.
    pub fn place(&self) -> Place {
        Place { kind: self.kind.clone(), name: self.object.metadata.name.clone().unwrap_or_default() }
    }
}

/// Where an object lies in the namespace of the Workload, as `policy/v1/PodDisruptionBudget/hello`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.kind, self.name)
    }
}

impl FromStr for Place {
    type Err = ObjectKindError;

    fn from_str(text: &str) -> Result<Self, ObjectKindError> {
        let (kind, name) =
            text.rsplit_once('/').ok_or_else(|| ObjectKindError::Malformed(text.to_owned()))?;
        Ok(Self { kind: kind.parse()?, name: name.to_owned() })
    }
}

/// The objects of `manifests`, with what `renderer` knows filled in.
///
/// # Errors
/// The first that is none.
pub fn render(
    identity: &Identity,
    manifests: &[Value],
    renderer: &Renderer<'_>,
) -> Result<Vec<Extra>, Misfit> {
    let numbered =
        manifests.iter().enumerate().map(|(at, manifest)| (format!("object {}", at + 1), manifest));
    let extra = |(part, manifest): (String, &Value)| {
        let rendered = renderer.render(manifest).map_err(|why| Misfit::new(&part, why))?;
        Extra::read(part, identity, rendered)
    };
    numbered.map(extra).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{PLAN, parse, plan};

    fn identity() -> Identity {
        Identity::of(&plan(&format!("{PLAN}  containers: {{}}\n"))).unwrap()
    }

    fn rendered(manifests: &str) -> Result<Vec<Extra>, Misfit> {
        let context: Value = parse("{workload: {name: hello}}");
        render(&identity(), &parse::<Vec<Value>>(manifests), &Renderer::new(&context))
    }

    #[test]
    fn an_object_is_filled_in_labelled_and_owned() {
        let extras = rendered(
            "[{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: '{{ workload.name }}', \
              labels: {team: a, app: theirs}}, spec: {maxUnavailable: 1}, status: {}}]",
        )
        .unwrap();
        assert_eq!(extras[0].place().to_string(), "policy/v1/PodDisruptionBudget/hello");
        let object = serde_json::to_value(&extras[0].object).unwrap();
        assert_eq!(object["metadata"]["namespace"], "team-a");
        assert_eq!(object["metadata"]["ownerReferences"][0]["uid"], "plan-uid");
        assert_eq!(object["metadata"]["labels"]["app"], "hello");
        assert_eq!(object["metadata"]["labels"]["team"], "a");
        assert_eq!(object["metadata"]["labels"]["app.kubernetes.io/managed-by"], FIELD_MANAGER);
        assert_eq!((&object["spec"]["maxUnavailable"], &object["status"]), (&1.into(), &Value::Null));
    }

    #[test]
    fn what_is_not_the_templates_to_decide_is_refused() {
        let object = |api_version: &str, kind: &str, metadata: &str| {
            format!(
                "[{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a}}}}, \
                     {{apiVersion: {api_version}, kind: {kind}, metadata: {metadata}}}]"
            )
        };
        for (api_version, kind, metadata, why) in [
            ("v1", "Secret", "{name: a}", "hold secrets"),
            ("rbac.authorization.k8s.io/v1", "Role", "{name: a}", "rights"),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "{name: a}", "the API"),
            ("score.dev/v1b1", "Workload", "{name: a}", "belongs to the controllers"),
            ("v1", "ConfigMap", "{}", "metadata.name"),
            ("v1", "ConfigMap", "{name: a, namespace: kube-system}", "metadata.namespace"),
            ("v1", "ConfigMap", "{name: a, ownerReferences: []}", "metadata.ownerReferences"),
            (
                "v1",
                "ConfigMap",
                "{name: a, annotations: {score.dev/applied-hash: x}}",
                "annotations of score.dev",
            ),
            ("v1", "ConfigMap", "{name: '{{ workload.nam }}'}", "/metadata/name: undefined value"),
            ("''", "ConfigMap", "{name: a}", "not of the form"),
        ] {
            let misfit = rendered(&object(api_version, kind, metadata)).unwrap_err();
            assert_eq!(misfit.part, "object 2", "{misfit}");
            assert!(misfit.why.contains(why), "{misfit}");
        }
        assert!(rendered("[{metadata: {name: a}}]").unwrap_err().why.contains("apiVersion and kind"));
    }

    #[test]
    fn a_place_is_read_as_it_is_written() {
        for text in ["v1/ConfigMap/a", "policy/v1/PodDisruptionBudget/a.b"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        for text in ["", "a", "v1/a", "a/b/c/d/e", "v1//a"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_kind_that_no_template_may_make_cannot_be_allowed() {
        assert!(matches!("v1/Secret".parse::<ObjectKind>(), Err(ObjectKindError::Taboo(..))));
        assert_eq!(
            "v1/ConfigMap".parse::<ObjectKind>().unwrap().gvk(),
            GroupVersionKind::gvk("", "v1", "ConfigMap")
        );
    }
}
