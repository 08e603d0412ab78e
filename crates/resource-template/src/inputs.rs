//! What templates and expressions can name.

use std::collections::BTreeMap;

use api_types::{Protocol, ResourceClaim, ServicePort};
use minijinja::Value as Jinja;
use object_template::shortened;
use serde::Deserialize as _;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::hidden::{Marks, reference_value, segments};

/// What a claim and its class bring to templates and expressions.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The claim's name.
    pub(crate) claim: String,
    /// The claim's namespace.
    pub(crate) namespace: String,
    /// What expressions see.
    pub(crate) plain: Map<String, Value>,
    /// What templates see.
    pub(crate) template: BTreeMap<String, Jinja>,
    pub(crate) marks: Marks,
}

/// Why a claim cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputsError {
    /// An object of its params looks like a reference to a secret.
    #[error(
        "params.{0}: `secretKeyRef` cannot be written here: refer to an output with ${{resources.<name>.<output>}}"
    )]
    Reference(String),
    /// The declaration requires something else.
    #[error("{0}")]
    Required(String),
    /// The declaration cannot be applied to them.
    #[error("{0}")]
    Declaration(String),
    /// It would take too long to work with it.
    #[error("the params are too large: {MOST_BYTES} bytes at most")]
    TooLarge,
}

/// The most bytes of JSON that the params, and the metadata, of a claim may have.
const MOST_BYTES: usize = 64 * 1024;

impl Inputs {
    /// What `claim` brings, along with `values` of its class.
    ///
    /// # Errors
    /// If its params are not what a user may write.
    pub(crate) fn of(claim: &ResourceClaim, values: &Map<String, Value>) -> Result<Self, InputsError> {
        let params = claim.spec.params.clone().unwrap_or_default().0;
        let metadata = Value::Object(claim.spec.metadata.0.clone());
        if json!([params, metadata]).to_string().len() > MOST_BYTES {
            return Err(InputsError::TooLarge);
        }
        let (name, namespace) = (
            claim.metadata.name.clone().unwrap_or_default(),
            claim.metadata.namespace.clone().unwrap_or_default(),
        );
        let mut plain = Map::new();
        plain.insert("values".into(), Value::Object(values.clone()));
        plain.insert("metadata".into(), metadata);
        plain.insert("claim".into(), about(claim, &namespace, &name));
        plain.insert("workload".into(), workload(claim));
        plain.insert("vars".into(), json!({}));
        let mut marks = Marks::of(&json!([plain, params]));
        let mut template: BTreeMap<String, Jinja> =
            plain.iter().map(|(key, value)| (key.clone(), jinja(value))).collect();
        let mut params = Params { marks: &mut marks, path: Vec::new() };
        let (visible, seen) = params.object(&claim.spec.params.clone().unwrap_or_default().0)?;
        plain.insert("params".into(), visible);
        template.insert("params".into(), seen);
        Ok(Self { claim: name, namespace, plain, template, marks })
    }

    /// The same, with what is known of a resource that lies outside of the cluster: for templates alone.
    pub(crate) fn with_remote(&self, remote: Value) -> Self {
        let mut inputs = self.clone();
        inputs.template.insert("remote".into(), jinja(&remote));
        inputs
    }

    /// Adds what the declaration computes.
    pub(crate) fn add_vars(&mut self, vars: Map<String, Value>) {
        let vars = Value::Object(vars);
        self.template.insert("vars".into(), jinja(&vars));
        self.plain.insert("vars".into(), vars);
    }
}

fn about(claim: &ResourceClaim, namespace: &str, name: &str) -> Value {
    let spec = &claim.spec;
    json!({
        "name": name, "namespace": namespace, "key": spec.key, "type": spec.type_, "class": spec.class,
        "id": spec.id, "guid": guid(namespace, name), "shortName": short_name(name),
    })
}

fn workload(claim: &ResourceClaim) -> Value {
    let ports = claim.spec.service.iter().flat_map(|service| &service.ports).map(port);
    json!({"name": claim.spec.workload_ref.name, "service": {"ports": ports.collect::<Vec<_>>()}})
}

fn port(port: &ServicePort) -> Value {
    let protocol = match port.protocol.unwrap_or_default() {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    };
    let target = port.target_port.unwrap_or(port.port);
    json!({"name": port.name, "port": port.port, "targetPort": target, "protocol": protocol})
}

/// Ten hexadecimal digits that are those of no other claim, and the same for a claim that adopts what an earlier one of
/// its name has left.
fn guid(namespace: &str, name: &str) -> String {
    hexadecimal(&format!("{namespace}/{name}"), 5)
}

/// The claim's name, if objects of every kind can be called so with a few letters more; or else its beginning and
/// a digest. It begins with a letter and is 40 characters at most.
fn short_name(name: &str) -> String {
    const LONGEST: usize = 40;
    let fits = name.len() <= LONGEST && !name.contains('.');
    if fits && name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return name.to_owned();
    }
    let beginning: String = name.chars().map(|c| if c == '.' { '-' } else { c }).take(26).collect();
    format!("r-{}-{}", beginning.trim_end_matches('-'), hexadecimal(name, 5))
}

fn hexadecimal(text: &str, bytes: usize) -> String {
    Sha256::digest(text).iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

fn jinja(value: &Value) -> Jinja {
    // A JSON value is a value of templates.
    Jinja::deserialize(value).unwrap_or_default()
}

/// Reads params, twice at once: as expressions see them, and as templates do.
struct Params<'a> {
    marks: &'a mut Marks,
    path: Vec<String>,
}

impl Params<'_> {
    fn value(&mut self, value: &Value) -> Result<(Value, Jinja), InputsError> {
        if let Some(segments) = segments(value) {
            let visible = match segments.as_slice() {
                [api_types::Segment::SecretKeyRef(reference)] => reference_value(reference),
                _ => json!({"secret": true}),
            };
            return Ok((visible, self.marks.param(segments)));
        }
        match value {
            Value::Object(object) => self.object(object),
            Value::Array(items) => {
                let read = items.iter().enumerate().map(|(at, item)| self.at(&at.to_string(), item));
                let read = read.collect::<Result<Vec<_>, _>>()?;
                let (visible, seen): (Vec<_>, Vec<_>) = read.into_iter().unzip();
                Ok((visible.into(), seen.into()))
            }
            scalar => Ok((scalar.clone(), jinja(scalar))),
        }
    }

    fn object(&mut self, object: &Map<String, Value>) -> Result<(Value, Jinja), InputsError> {
        let (mut visible, mut seen) = (Map::new(), BTreeMap::new());
        for (key, value) in object {
            // Only what the orchestrator made of an output is a reference; that is a list.
            if key == "secretKeyRef" {
                return Err(InputsError::Reference(shortened(&self.path.join("."))));
            }
            let (plain, templated) = self.at(key, value)?;
            visible.insert(key.clone(), plain);
            seen.insert(key.clone(), templated);
        }
        Ok((Value::Object(visible), Jinja::from(seen)))
    }

    fn at(&mut self, step: &str, value: &Value) -> Result<(Value, Jinja), InputsError> {
        self.path.push(step.to_owned());
        let read = self.value(value)?;
        self.path.pop();
        Ok(read)
    }
}

/// The name of the Secret that holds what was generated for a claim, and what was made for it. No object of a template
/// may be called so.
pub fn generated_name(claim: &str) -> String {
    format!("{claim}-generated")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(params: Value) -> ResourceClaim {
        serde_json::from_value(json!({
            "metadata": {"namespace": "team", "name": "shop-cache", "uid": "u"},
            "spec": {
                "workloadRef": {"name": "shop", "uid": "w"}, "key": "cache", "type": "redis", "class": "small",
                "provisioner": "p", "deprovisionPolicy": "Delete", "params": params,
                "service": {"ports": [{"name": "web", "port": 80, "targetPort": 8080}]},
            },
        }))
        .unwrap()
    }

    #[test]
    fn everything_has_a_name() {
        let inputs = Inputs::of(&claim(json!({"a": 1})), &Map::new()).unwrap();
        let expected = json!({
            "params": {"a": 1}, "values": {}, "metadata": {}, "vars": {},
            "claim": {
                "name": "shop-cache", "namespace": "team", "key": "cache", "type": "redis", "class": "small",
                "id": null, "guid": guid("team", "shop-cache"), "shortName": "shop-cache",
            },
            "workload": {
                "name": "shop",
                "service": {"ports": [{"name": "web", "port": 80, "targetPort": 8080, "protocol": "TCP"}]},
            },
        });
        assert_eq!(Value::Object(inputs.plain), expected);
    }

    #[test]
    fn a_secret_param_is_its_reference() {
        let reference = json!({"secretKeyRef": {"name": "s", "key": "k"}});
        let params = json!({"deep": [[reference]], "mixed": [{"value": "x"}, reference]});
        let inputs = Inputs::of(&claim(params), &Map::new()).unwrap();
        assert_eq!(inputs.plain["params"], json!({"deep": [reference], "mixed": {"secret": true}}));
        assert_eq!(inputs.marks.references().len(), 1);
    }

    #[test]
    fn a_reference_that_a_user_wrote_is_refused_wherever_it_stands() {
        let reference = json!({"secretKeyRef": {"name": "s", "key": "k"}});
        for params in [
            json!({"a": reference}),
            json!({"a": {"b": [1, {"secretKeyRef": "x"}]}}),
            json!({"a": [reference, 1]}),
            json!({"secretKeyRef": 1}),
        ] {
            let error = Inputs::of(&claim(params.clone()), &Map::new()).unwrap_err();
            assert!(matches!(error, InputsError::Reference(_)), "{params}");
        }
    }

    #[test]
    fn params_without_end_are_refused() {
        let params = json!({"a": "x".repeat(MOST_BYTES)});
        assert_eq!(Inputs::of(&claim(params), &Map::new()).unwrap_err(), InputsError::TooLarge);
    }

    #[test]
    fn short_names_begin_with_a_letter_and_tell_claims_apart() {
        assert_eq!(short_name("shop-cache"), "shop-cache");
        let long = |end: &str| short_name(&format!("{}{end}", "a".repeat(60)));
        assert!(long("1") != long("2") && long("1").len() <= 40);
        assert!(short_name("7even-cache").starts_with("r-7even-cache-"));
    }
}
