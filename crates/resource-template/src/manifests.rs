//! The objects of a template.

use std::collections::{BTreeMap, BTreeSet};

use object_template::{ObjectKind, ObjectName, Place, has_template};
use serde_json::{Map, Value};

use crate::{
    declaration::{Problem, ReadTemplate, keep, valid_id},
    expression::Expression,
    hidden::{Generated, Part},
    inputs::Inputs,
    manifest::Manifest,
    render::Renderer,
    scope::Scope,
};

/// A template of one object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ManifestTemplate {
    id: String,
    kind: ObjectKind,
    when: Option<Expression>,
    body: Map<String, Value>,
}

/// What a template comes to for one claim.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// The objects, in the order of the template.
    pub manifests: Vec<Manifest>,
    /// What is to be read, by id.
    pub reads: BTreeMap<String, Place>,
}

/// What of a template does not fit what a claim brings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {message}")]
pub struct Misfit {
    /// Which part: `manifests[1]`.
    pub part: String,
    /// Why.
    pub message: String,
}

/// The annotation of a manifest that names it for expressions.
const ID: &str = "score.dev/id";
/// The annotation of a manifest with the expression that decides whether there is such an object.
const WHEN: &str = "score.dev/when";
/// The most objects of a claim.
const MOST: usize = 50;
/// The most bytes of JSON that they may have all together.
const MOST_BYTES: usize = 256 * 1024;

impl Rendered {
    /// All that is to be generated for the claim, by name.
    pub fn generated(&self) -> BTreeMap<String, usize> {
        self.parts()
            .filter_map(|part| match part {
                Part::Generated(Generated { name, length }) => Some((name.clone(), *length)),
                _ => None,
            })
            .collect()
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.manifests.iter().flat_map(|manifest| manifest.secret.values()).flatten()
    }
}

impl ManifestTemplate {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    fn read(value: &Value) -> Result<Self, String> {
        let Value::Object(body) = value else {
            return Err("must be an object: write apiVersion, kind, …".into());
        };
        let mut body = body.clone();
        let text = |field: &str| {
            let text =
                body.get(field).and_then(Value::as_str).ok_or_else(|| format!("needs {field}, a text"))?;
            if has_template(text) {
                return Err(format!("{field} cannot be a template: what is made must be known before"));
            }
            Ok(text.to_owned())
        };
        let kind = format!("{}/{}", text("apiVersion")?, text("kind")?);
        let kind: ObjectKind = kind.parse().map_err(|error: crate::ObjectKindError| error.to_string())?;
        let id = annotation(&mut body, ID)?.unwrap_or_else(|| kind.kind().to_lowercase());
        valid_id(&id).map_err(|why| format!("metadata.annotations[{ID}]: {why}"))?;
        let when = annotation(&mut body, WHEN)?.map(|when| when.parse()).transpose();
        let when = when.map_err(|why: String| format!("metadata.annotations[{WHEN}] {why}"))?;
        object_template::check(&Value::Object(body.clone()))?;
        Ok(Self { id, kind, when, body })
    }

    fn render(
        &self,
        inputs: &Inputs,
        renderer: &Renderer<'_>,
        scope: &Scope,
    ) -> Result<Option<Manifest>, String> {
        let wanted = self.when.as_ref().map(|when| when.value(scope)).transpose();
        match wanted.map_err(|why| format!("{WHEN}: {why}"))? {
            None | Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Ok(None),
            Some(_) => return Err(format!("{WHEN} is neither true nor false")),
        }
        let filled = renderer.render(&Value::Object(self.body.clone()))?;
        Manifest::read(&self.id, &self.kind, filled, inputs).map(Some)
    }
}

/// Takes an annotation out of a manifest.
fn annotation(body: &mut Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    let metadata = body.get_mut("metadata").and_then(Value::as_object_mut);
    let annotations = metadata.and_then(|metadata| metadata.get_mut("annotations")?.as_object_mut());
    match annotations.and_then(|annotations| annotations.remove(key)) {
        None => Ok(None),
        Some(Value::String(text)) if !has_template(&text) => Ok(Some(text)),
        Some(_) => Err(format!("metadata.annotations[{key}] must be a text, and no template")),
    }
}

/// The templates in `manifests`: a list of objects, or a text of YAML documents.
pub(crate) fn templates(value: Option<&Value>, problems: &mut Vec<Problem>) -> Vec<ManifestTemplate> {
    let documents = match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.clone(),
        Some(Value::String(text)) => keep(documents(text), "manifests", problems).unwrap_or_default(),
        Some(_) => {
            problems
                .push(Problem::new("manifests", "must be a list of objects, or a text of YAML documents"));
            Vec::new()
        }
    };
    if documents.len() > MOST {
        problems.push(Problem::new("manifests", format_args!("has more than {MOST} objects")));
    }
    let mut ids = BTreeSet::new();
    let mut templates = Vec::new();
    for (at, document) in documents.iter().enumerate() {
        let path = format!("manifests[{at}]");
        let Some(template) = keep(ManifestTemplate::read(document), &path, problems) else { continue };
        if !ids.insert(template.id.clone()) {
            let why = format!("is the second called `{}`: give it another annotation {ID}", template.id);
            problems.push(Problem::new(path, why));
        }
        templates.push(template);
    }
    templates
}

/// The text is read as YAML before anything is filled in: nothing that is filled in can change what it says.
fn documents(text: &str) -> Result<Vec<Value>, String> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| {
        let line = error.location().map_or(0, |location| location.line());
        format!("line {line}: {} (a text that begins with {{{{ must be in quotes)", error.without_snippet())
    })?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

/// The objects of a claim.
///
/// # Errors
/// The first part that does not fit.
pub(crate) fn render(
    templates: &[ManifestTemplate],
    reads: &BTreeMap<String, ReadTemplate>,
    inputs: &Inputs,
) -> Result<Rendered, Misfit> {
    let (renderer, scope) = (Renderer::new(inputs), Scope::before(inputs));
    let mut rendered = Rendered::default();
    for (at, template) in templates.iter().enumerate() {
        let misfit = |message| Misfit { part: format!("manifests[{at}]"), message };
        let manifest = template.render(inputs, &renderer, &scope).map_err(misfit)?;
        if let Some(manifest) = manifest {
            rendered.manifests.push(manifest);
        }
    }
    for (id, read) in reads {
        let misfit = |message: String| Misfit { part: format!("reads.{id}"), message };
        let name =
            renderer.render(&Value::String(read.name.clone())).map_err(|why| misfit(format!("name{why}")))?;
        let name: ObjectName = name.as_str().unwrap_or_default().parse().map_err(misfit)?;
        rendered.reads.insert(id.clone(), Place { kind: read.kind.clone(), name });
    }
    check(&rendered).map_err(|message| Misfit { part: "manifests".into(), message })?;
    Ok(rendered)
}

/// Whether the objects can be made together.
///
/// # Errors
/// Why not.
pub(crate) fn check(rendered: &Rendered) -> Result<(), String> {
    let mut places = BTreeSet::new();
    if let Some(twice) = rendered.manifests.iter().find(|manifest| !places.insert(manifest.place.object())) {
        return Err(format!("{} is declared twice", twice.place));
    }
    let size = |manifest: &Manifest| {
        Value::Object(manifest.fields.clone()).to_string().len() + format!("{:?}", manifest.secret).len()
    };
    if rendered.manifests.iter().map(size).sum::<usize>() > MOST_BYTES {
        return Err(format!("the objects are too large: {MOST_BYTES} bytes at most"));
    }
    let generated = rendered.generated();
    let differs = |part: &&Part| match part {
        Part::Generated(Generated { name, length }) => generated.get(name) != Some(length),
        _ => false,
    };
    match rendered.parts().find(differs) {
        Some(Part::Generated(Generated { name, .. })) => {
            Err(format!("the generated value `{name}` has two lengths: choose one"))
        }
        _ => Ok(()),
    }
}
