//! Strings of a template, with what is known filled in. Shut in: a template reads nothing but its context, and ends.

use std::collections::BTreeSet;

use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, UndefinedBehavior,
    syntax::SyntaxConfig,
    value::{Value as Jinja, ValueKind},
};
use serde::Deserialize as _;
use serde_json::{Map, Value};

use crate::shortened;

/// How many instructions one string may take, about as many as it has words a thousand times over.
const FUEL: u64 = 20_000;

/// Fills in strings.
pub struct Renderer<'a> {
    environment: Environment<'a>,
    context: Jinja,
}

impl<'a> Renderer<'a> {
    /// Fills in what `context` holds, an object.
    pub fn new(context: Jinja) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        // Of the marks, which stay as they are, none can be wrong.
        if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
            environment.set_syntax(syntax);
        }
        environment.set_fuel(Some(FUEL));
        environment.set_formatter(|output, _, value| write_text(output, value));
        Self { environment, context }
    }

    /// The same for JSON.
    pub fn of(context: &Value) -> Self {
        Self::new(Jinja::deserialize(context).unwrap_or_default())
    }

    /// For functions, and another way to write values into texts.
    pub fn environment_mut(&mut self) -> &mut Environment<'a> {
        &mut self.environment
    }

    /// `template` filled in, as a text whatever it is.
    ///
    /// # Errors
    /// Why it cannot be filled in.
    pub fn text(&self, template: &str) -> Result<String, String> {
        self.environment.render_str(template, &self.context).map_err(|error| plain(&error))
    }

    /// `template` with every string in it filled in, keys excepted. A string that is nothing but one expression
    /// becomes what that is: a number, a list, an object; where it is none, the field or item is left out.
    ///
    /// # Errors
    /// The place of the first string that cannot be filled in, and why.
    pub fn render(&self, template: &Value) -> Result<Value, String> {
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
pub fn has_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

/// Whether the strings of a template can be parsed.
///
/// # Errors
/// The place of the first that cannot, and why.
pub fn check(template: &Value) -> Result<(), String> {
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

/// What the strings of a template read of their context, with the fields that they read of it: `params.size`, or `params`
/// if they read all of that. Names of functions are among them; of a string that cannot be parsed there are none.
pub fn names(template: &Value) -> BTreeSet<String> {
    match template {
        Value::String(text) => {
            let environment = Environment::new();
            let parsed = environment.template_from_str(text);
            parsed.map(|parsed| parsed.undeclared_variables(true)).into_iter().flatten().collect()
        }
        Value::Array(items) => items.iter().flat_map(names).collect(),
        Value::Object(fields) => fields.values().flat_map(names).collect(),
        _ => BTreeSet::new(),
    }
}

/// Writes a value that stands in a text.
///
/// # Errors
/// If it is neither a text nor a number nor a truth value.
pub fn write_text(output: &mut Output<'_>, value: &Jinja) -> Result<(), Error> {
    if !is_text(value) {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            "only a text, a number, true or false can be put into a text",
        ));
    }
    Ok(write!(output, "{value}")?)
}

/// What stands in a text as people would write it.
pub fn is_text(value: &Jinja) -> bool {
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

/// What is wrong, without where in the engine, and without the whole of what was filled in.
fn plain(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {}", error.kind(), shortened(detail)),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CONTEXT: &str = "{workload: {name: hello, annotations: {team: '{{ 1 }}'}}, service: {ports: [{port: 80}]}, \
                           claims: {db: {password: {secretKeyRef: {name: s, key: k}}}}}";

    fn parse(yaml: &str) -> Value {
        serde_yaml_ng::from_str(yaml).unwrap()
    }

    fn rendered(template: &str) -> Result<Value, String> {
        Renderer::of(&parse(CONTEXT)).render(&parse(template))
    }

    #[test]
    fn every_string_is_filled_in_and_keys_are_not() {
        let template = "{a: ['x-{{ workload.name }}', 7, true], '{{ key }}': plain}";
        assert_eq!(rendered(template).unwrap(), parse("{a: [x-hello, 7, true], '{{ key }}': plain}"));
    }

    #[test]
    fn a_string_that_is_one_expression_becomes_its_value_or_nothing() {
        let template = "{port: '{{ service.ports[0].port }}', ports: '{{ service.ports }}', a: '{{ none }}', \
                        b: ['{{ none }}', 1], c: null}";
        assert_eq!(rendered(template).unwrap(), parse("{port: 80, ports: [{port: 80}], b: [1], c: null}"));
        assert_eq!(rendered("{a: 'port {{ service.ports[0].port }}'}").unwrap(), json!({"a": "port 80"}));
    }

    #[test]
    fn what_is_filled_in_is_never_a_template() {
        let template = "{a: '{{ workload.annotations.team }}', b: 'x{{ workload.annotations.team }}'}";
        assert_eq!(rendered(template).unwrap(), json!({"a": "{{ 1 }}", "b": "x{{ 1 }}"}));
    }

    #[test]
    fn what_is_missing_or_wrong_is_an_error_with_its_place() {
        for (template, expected) in [
            ("{a: {b: ['{{ workload.nam }}']}}", "/a/b/0: undefined value"),
            ("{a: 'x{{ workload.nam }}'}", "/a: undefined value"),
            ("{a: '{{ nothing.at.all }}'}", "/a: undefined value"),
            ("{a: '{{ workload.name | nofilter }}'}", "/a: unknown filter"),
            ("{a: '{{ workload.name '}", "/a: syntax error"),
            ("{a: 'x{{ service.ports }}'}", "/a: invalid operation"),
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
    fn a_template_that_is_none_is_found_before_anything_is_known() {
        assert!(check(&json!({"a": ["{{ x }}", "b{% if x %}c{% endif %}"]})).is_ok());
        assert!(check(&json!({"a": ["{{ x"]})).unwrap_err().starts_with("/a/0: syntax error"));
    }

    #[test]
    fn a_template_names_what_it_reads() {
        let template = json!({
            "a": ["x", "{{ params.size | default(1) }}", "a {{ params.list[0] }} b", 7],
            "{{ key }}": "{% for port in workload.service.ports %}{{ port.name }}{% endfor %}",
            "b": "{{ generated('p') if metadata else claim['name'] }}",
        });
        let found: Vec<_> = names(&template).into_iter().collect();
        let expected =
            ["claim", "generated", "metadata", "params.list", "params.size", "workload.service.ports"];
        assert_eq!(found, expected);
        assert!(names(&json!("{{ x")).is_empty());
    }
}
