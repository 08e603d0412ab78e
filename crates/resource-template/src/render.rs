//! Strings of a declaration, with what the claim brings filled in: secrets are marks, and there are functions.

use minijinja::{
    Error, ErrorKind, Output,
    value::{Kwargs, Value as Jinja},
};
use object_template::is_text;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::{
    hidden::{Generated, Marks, is_hidden},
    inputs::Inputs,
    outputs::valid_key,
};

/// How long a generated value is if the template does not say.
const LENGTH: usize = 32;

/// Fills in strings.
pub(crate) struct Renderer<'a>(object_template::Renderer<'a>);

impl Renderer<'_> {
    /// Fills in what `inputs` hold.
    pub(crate) fn new(inputs: &Inputs) -> Self {
        let mut renderer = object_template::Renderer::new(Jinja::from(inputs.template.clone()));
        let environment = renderer.environment_mut();
        environment.set_formatter(|output, _, value| write_text(output, value));
        let marks = inputs.marks.clone();
        environment.add_function("generated", move |name: String, options: Kwargs| {
            generated(&marks, &name, &options)
        });
        Self(renderer)
    }

    /// The same for requests, whose templates can name credentials of the platform.
    pub(crate) fn for_requests(inputs: &Inputs) -> Self {
        let mut renderer = Self::new(inputs);
        let marks = inputs.marks.clone();
        renderer.0.environment_mut().add_function("credential", move |key: String| match valid_key(&key) {
            Ok(()) => Ok(marks.credential(&key)),
            Err(why) => Err(Error::new(ErrorKind::InvalidOperation, why)),
        });
        renderer
    }

    /// The same for the paths of addresses: whatever is filled in is encoded, so that it is a part of one segment.
    pub(crate) fn for_paths(inputs: &Inputs) -> Self {
        let mut renderer = Self::new(inputs);
        renderer.0.environment_mut().set_formatter(|output, _, value| write_segment(output, value));
        renderer
    }

    /// As [`object_template::Renderer::text`].
    pub(crate) fn text(&self, template: &str) -> Result<String, String> {
        self.0.text(template)
    }

    /// As [`object_template::Renderer::render`].
    pub(crate) fn render(&self, template: &Value) -> Result<Value, String> {
        self.0.render(template)
    }
}

fn generated(marks: &Marks, name: &str, options: &Kwargs) -> Result<Jinja, Error> {
    let length = options.get::<Option<usize>>("length")?.unwrap_or(LENGTH);
    options.assert_all_used()?;
    let generated =
        Generated::new(name, length).map_err(|why| Error::new(ErrorKind::InvalidOperation, why))?;
    Ok(marks.generated(&generated))
}

fn write_text(output: &mut Output<'_>, value: &Jinja) -> Result<(), Error> {
    if is_hidden(value) {
        return Ok(write!(output, "{value}")?);
    }
    object_template::write_text(output, value)
}

/// What has no meaning in a path (RFC 3986, unreserved).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn write_segment(output: &mut Output<'_>, value: &Jinja) -> Result<(), Error> {
    let wrong = |why| Err(Error::new(ErrorKind::InvalidOperation, why));
    if is_hidden(value) {
        return wrong("a secret cannot stand in an address");
    }
    if !is_text(value) {
        return wrong("only a text or a number can stand in an address");
    }
    let text = value.to_string();
    // Without it the address would be that of something else: all of a kind, perhaps.
    if text.is_empty() {
        return wrong("what stands in an address cannot be empty");
    }
    Ok(write!(output, "{}", utf8_percent_encode(&text, RESERVED))?)
}

#[cfg(test)]
mod tests {
    use api_types::ResourceClaim;
    use serde_json::{Map, json};

    use super::*;

    fn rendered(template: &str) -> Result<Value, String> {
        let claim: ResourceClaim = serde_json::from_value(json!({
            "metadata": {"namespace": "team", "name": "shop-cache", "uid": "u"},
            "spec": {
                "workloadRef": {"name": "shop", "uid": "w"}, "key": "cache", "type": "redis", "class": "default",
                "provisioner": "p", "deprovisionPolicy": "Delete",
                "params": {
                    "list": [1, 2], "secret": [{"secretKeyRef": {"name": "s", "key": "k"}}],
                    "mixed": [{"value": "x"}, {"secretKeyRef": {"name": "s", "key": "k"}}],
                },
            },
        }))
        .unwrap();
        let inputs = Inputs::of(&claim, &Map::new()).unwrap();
        Renderer::new(&inputs).render(&serde_yaml_ng::from_str(template).unwrap())
    }

    #[test]
    fn a_secret_alone_is_a_reference_and_in_a_text_a_mark() {
        let value =
            rendered("{a: '{{ params.secret }}', b: '{{ params.secret.secretKeyRef.name }}'}").unwrap();
        assert_eq!(value, json!({"a": {"secretKeyRef": {"name": "s", "key": "k"}}, "b": "s"}));
        for template in ["'x{{ params.secret }}'", "\"{{ 'x' ~ params.secret }}\"", "'{{ params.mixed }}'"] {
            let value = rendered(template).unwrap();
            assert!(value.as_str().unwrap().contains("score-hidden-"), "{value}");
        }
        let generated = rendered("\"{{ generated('password', length=20) }}\"").unwrap();
        assert!(generated.as_str().unwrap().ends_with("g20:password;"), "{generated}");
    }

    #[test]
    fn what_cannot_be_generated_or_stand_in_a_text_is_an_error_with_its_place() {
        for (template, expected) in [
            ("{a: 'x{{ params.list }}'}", "/a: invalid operation"),
            ("{a: \"{{ generated('a/b') }}\"}", "/a: invalid operation"),
            ("{a: \"{{ generated('a', size=1) }}\"}", "/a: too many"),
        ] {
            let error = rendered(template).unwrap_err();
            assert!(error.starts_with(expected), "{template}: {error}");
        }
    }
}
