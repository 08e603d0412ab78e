//! Strings of a template, with what the claim brings filled in. Shut in: a template reads nothing but its context, and
//! ends.

use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, UndefinedBehavior,
    syntax::SyntaxConfig,
    value::{Kwargs, Value as Jinja, ValueKind},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::{
    hidden::{Generated, Marks, is_hidden},
    inputs::Inputs,
    kind::shortened,
    outputs::valid_key,
};

/// How many instructions one string may take, about as many as it has words a thousand times over.
const FUEL: u64 = 20_000;

/// How long a generated value is if the template does not say.
const LENGTH: usize = 32;

/// Fills in strings.
pub(crate) struct Renderer<'a> {
    environment: Environment<'a>,
    context: Jinja,
}

impl Renderer<'_> {
    /// Fills in what `inputs` hold.
    pub(crate) fn new(inputs: &Inputs) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        // Of the marks, which stay as they are, none can be wrong.
        if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
            environment.set_syntax(syntax);
        }
        environment.set_fuel(Some(FUEL));
        environment.set_formatter(|output, _, value| write_text(output, value));
        let marks = inputs.marks.clone();
        environment.add_function("generated", move |name: String, options: Kwargs| {
            generated(&marks, &name, &options)
        });
        Self { environment, context: Jinja::from(inputs.template.clone()) }
    }

    /// The same for requests, whose templates can name credentials of the platform.
    pub(crate) fn for_requests(inputs: &Inputs) -> Self {
        let mut renderer = Self::new(inputs);
        let marks = inputs.marks.clone();
        renderer.environment.add_function("credential", move |key: String| match valid_key(&key) {
            Ok(()) => Ok(marks.credential(&key)),
            Err(why) => Err(Error::new(ErrorKind::InvalidOperation, why)),
        });
        renderer
    }

    /// The same for the paths of addresses: whatever is filled in is encoded, so that it is a part of one segment.
    pub(crate) fn for_paths(inputs: &Inputs) -> Self {
        let mut renderer = Self::new(inputs);
        renderer.environment.set_formatter(|output, _, value| write_segment(output, value));
        renderer
    }

    /// `template` filled in, as a text whatever it is.
    ///
    /// # Errors
    /// Why it cannot be filled in.
    pub(crate) fn text(&self, template: &str) -> Result<String, String> {
        self.environment.render_str(template, &self.context).map_err(|error| plain(&error))
    }

    /// `template` with every string in it filled in, keys excepted. A string that is nothing but one expression
    /// becomes what that is: a number, a list, an object; where it is none, the field or item is left out.
    ///
    /// # Errors
    /// The place of the first string that cannot be filled in, and why.
    pub(crate) fn render(&self, template: &Value) -> Result<Value, String> {
        match template {
            Value::String(text) => self.string(text).map_err(|why| format!(": {why}")),
            Value::Array(items) => {
                let mut rendered = Vec::new();
                for (at, item) in items.iter().enumerate() {
                    let value = self.render(item).map_err(|why| format!("/{at}{why}"))?;
                    rendered.extend(kept(item, value));
                }
                Ok(Value::Array(rendered))
            }
            Value::Object(fields) => {
                let mut rendered = Map::new();
                for (key, field) in fields {
                    let value = self.render(field).map_err(|why| format!("/{key}{why}"))?;
                    rendered.extend(kept(field, value).map(|value| (key.clone(), value)));
                }
                Ok(Value::Object(rendered))
            }
            scalar => Ok(scalar.clone()),
        }
    }

    fn string(&self, text: &str) -> Result<Value, String> {
        if !has_template(text) {
            return Ok(text.into());
        }
        let rendered = match expression(text) {
            Some(expression) => self.value(expression),
            None => self.environment.render_str(text, &self.context).map(Value::from),
        };
        rendered.map_err(|error| plain(&error))
    }

    fn value(&self, expression: &str) -> Result<Value, Error> {
        let value = self.environment.compile_expression(expression)?.eval(&self.context)?;
        if value.is_undefined() {
            return Err(ErrorKind::UndefinedError.into());
        }
        serde_json::to_value(value)
            .map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
    }
}

/// Whether there is anything to fill in.
pub(crate) fn has_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

/// Whether the strings of a template can be parsed: the place of the first that cannot, and why.
pub(crate) fn check(template: &Value) -> Result<(), String> {
    let environment = Environment::new();
    check_in(&environment, template)
}

fn check_in(environment: &Environment<'_>, template: &Value) -> Result<(), String> {
    match template {
        Value::String(text) if has_template(text) => {
            let parsed = match expression(text) {
                Some(expression) => environment.compile_expression(expression).map(drop),
                None => environment.template_from_str(text).map(drop),
            };
            parsed.map_err(|error| format!(": {}", plain(&error)))
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(at, item)| check_in(environment, item).map_err(|why| format!("/{at}{why}"))),
        Value::Object(fields) => fields
            .iter()
            .try_for_each(|(key, field)| check_in(environment, field).map_err(|why| format!("/{key}{why}"))),
        _ => Ok(()),
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
    if !is_hidden(value) && !is_text(value) {
        return Err(Error::new(ErrorKind::InvalidOperation, "only a text or a number can stand in a text"));
    }
    Ok(write!(output, "{value}")?)
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

/// What stands in a text as people would write it.
fn is_text(value: &Jinja) -> bool {
    matches!(value.kind(), ValueKind::String | ValueKind::Number | ValueKind::Bool)
}

/// The value of a field or an item, unless its template came to nothing.
fn kept(template: &Value, value: Value) -> Option<Value> {
    (template.is_null() || !value.is_null()).then_some(value)
}

/// The expression that is all there is in `text`.
fn expression(text: &str) -> Option<&str> {
    let inside = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let one = !inside.contains("{{") && !inside.contains("}}");
    let trims = inside.starts_with(['-', '+']) || inside.ends_with(['-', '+']);
    (one && !trims).then_some(inside)
}

/// What is wrong, without where in the engine, and without the whole of what a Workload brought.
fn plain(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {}", error.kind(), shortened(detail)),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use api_types::ResourceClaim;
    use serde_json::json;

    use super::*;

    fn rendered(template: &str) -> Result<Value, String> {
        let claim: ResourceClaim = serde_json::from_value(json!({
            "metadata": {"namespace": "team", "name": "shop-cache", "uid": "u"},
            "spec": {
                "workloadRef": {"name": "shop", "uid": "w"}, "key": "cache", "type": "redis", "class": "default",
                "provisioner": "p", "deprovisionPolicy": "Delete",
                "params": {
                    "evil": "{{ 1 }}", "list": [1, 2], "secret": [{"secretKeyRef": {"name": "s", "key": "k"}}],
                    "mixed": [{"value": "x"}, {"secretKeyRef": {"name": "s", "key": "k"}}],
                },
            },
        }))
        .unwrap();
        let inputs = Inputs::of(&claim, &Map::new()).unwrap();
        Renderer::new(&inputs).render(&serde_yaml_ng::from_str(template).unwrap())
    }

    #[test]
    fn every_string_is_filled_in_and_keys_are_not() {
        let template = "{a: ['x-{{ claim.key }}', 7, true], '{{ key }}': plain}";
        assert_eq!(rendered(template).unwrap(), json!({"a": ["x-cache", 7, true], "{{ key }}": "plain"}));
    }

    #[test]
    fn a_string_that_is_one_expression_becomes_its_value_or_nothing() {
        let template = "{a: '{{ params.list }}', b: '{{ none }}', c: ['{{ none }}', 1], d: '{{ params.list | length }}'}";
        assert_eq!(rendered(template).unwrap(), json!({"a": [1, 2], "c": [1], "d": 2}));
    }

    #[test]
    fn what_a_workload_brings_is_never_a_template() {
        assert_eq!(
            rendered("{a: '{{ params.evil }}', b: 'x{{ params.evil }}'}").unwrap(),
            json!({"a": "{{ 1 }}", "b": "x{{ 1 }}"})
        );
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
    fn what_is_missing_or_wrong_is_an_error_with_its_place() {
        for (template, expected) in [
            ("{a: {b: ['{{ claim.nam }}']}}", "/a/b/0: undefined value"),
            ("{a: 'x{{ claim.nam }}'}", "/a: undefined value"),
            ("{a: '{{ nothing.at.all }}'}", "/a: undefined value"),
            ("{a: '{{ claim.name | nofilter }}'}", "/a: unknown filter"),
            ("{a: '{{ claim.name '}", "/a: syntax error"),
            ("{a: 'x{{ params.list }}'}", "/a: invalid operation"),
            ("{a: \"{{ generated('a/b') }}\"}", "/a: invalid operation"),
            ("{a: \"{{ generated('a', size=1) }}\"}", "/a: too many"),
        ] {
            let error = rendered(template).unwrap_err();
            assert!(error.starts_with(expected), "{template}: {error}");
        }
    }

    #[test]
    fn a_template_reads_no_file_and_ends() {
        for template in [
            "{a: '{% include \"/etc/passwd\" %}x'}",
            "{a: '{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}'}",
            "{a: '{{ \"x\" * 1000000000000 }}'}",
        ] {
            assert!(rendered(template).is_err(), "{template}");
        }
    }

    #[test]
    fn a_template_that_is_none_is_found_without_a_claim() {
        assert!(check(&json!({"a": ["{{ x }}", "b{% if x %}c{% endif %}"]})).is_ok());
        assert!(check(&json!({"a": ["{{ x"]})).unwrap_err().starts_with("/a/0: syntax error"));
    }
}
