//! What the platform adds to the objects that the runtime makes. Pure.

use api_types::metadata::labels;
use kube::core::DynamicObject;
use object_template::{ObjectKind, ObjectKindError, ObjectName, Place, Renderer};
use serde_json::Value;

use super::patch::Misfit;
use crate::{FIELD_MANAGER, validate::Identity};

/// Whether objects of `kind` lead from outside to a Workload.
pub fn is_route(kind: &ObjectKind) -> bool {
    matches!(
        (kind.group(), kind.kind()),
        ("networking.k8s.io", "Ingress") | ("gateway.networking.k8s.io", "HTTPRoute")
    )
}

/// The kind that `text` names, if templates of a runtime may make its objects at all.
///
/// # Errors
/// If it names none, or one that nobody may allow.
pub fn permissible(text: &str) -> Result<ObjectKind, ObjectKindError> {
    let kind: ObjectKind = text.parse()?;
    match kind.is_secret() {
        true => Err(ObjectKindError::Taboo(
            text.to_owned(),
            "objects that hold secrets are made by provisioners alone",
        )),
        false => Ok(kind),
    }
}

/// An object that is made besides the runtime's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Extra {
    /// Which part of the template asks for it: `object 2`.
    pub part: String,
    /// Where it lies in the namespace of the Workload.
    pub place: Place,
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
            .map(|(place, object)| Self { part: part.clone(), place, object })
            .map_err(|why| Misfit::new(part, why))
    }

    fn owned(identity: &Identity, manifest: Value) -> Result<(Place, DynamicObject), String> {
        let mut object: DynamicObject =
            serde_json::from_value(manifest).map_err(|error| error.to_string())?;
        let types = object.types.clone().ok_or("it needs apiVersion and kind")?;
        let kind = permissible(&format!("{}/{}", types.api_version, types.kind))
            .map_err(|error| error.to_string())?;
        let metadata = &mut object.metadata;
        let name = metadata.name.as_ref().filter(|name| !name.is_empty()).ok_or("it needs metadata.name")?;
        let name: ObjectName = name.parse().map_err(|why| format!("metadata.name: {why}"))?;
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
        Ok((Place { kind, name }, object))
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
        render(&identity(), &parse::<Vec<Value>>(manifests), &Renderer::of(&context))
    }

    #[test]
    fn an_object_is_filled_in_labelled_and_owned() {
        let extras = rendered(
            "[{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: '{{ workload.name }}', \
              labels: {team: a, app: theirs}}, spec: {maxUnavailable: 1}, status: {}}]",
        )
        .unwrap();
        assert_eq!(extras[0].place.to_string(), "policy/v1/PodDisruptionBudget/hello");
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
            ("v1", "ConfigMap", "{name: ../a}", "is not a name"),
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
    fn a_kind_that_no_template_may_make_cannot_be_allowed() {
        assert!(matches!(permissible("v1/Secret"), Err(ObjectKindError::Taboo(..))));
        assert!(permissible("v1/ConfigMap").is_ok());
    }
}
