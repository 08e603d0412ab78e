//! Strings of a template, with what the Workload brings filled in. Pure, and shut in: a template reads nothing but its
//! context, and ends.

use minijinja::{AutoEscape, Environment, UndefinedBehavior, syntax::SyntaxConfig};
use serde::Deserialize as _;
use serde_json::{Map, Value};

/// How many instructions one string may take, about as many as it has words a thousand times over.
const FUEL: u64 = 20_000;

/// Fills in strings.
pub struct Renderer<'a> {
    environment: Environment<'a>,
    context: minijinja::Value,
}

impl Renderer<'_> {
    /// Fills in what `context` holds, an object.
    pub fn new(context: &Value) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        // Of the marks, which stay as they are, none can be wrong.
        if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
            environment.set_syntax(syntax);
        }
        environment.set_fuel(Some(FUEL));
        Self { environment, context: minijinja::Value::deserialize(context).unwrap_or_default() }
    }

    /// `template` with every string in it filled in, keys excepted. A string that is nothing but one expression
    /// becomes what that is: a number, a list, an object.
    ///
    /// # Errors
    /// The place of the first string that cannot be filled in, and why.
    pub fn render(&self, template: &Value) -> Result<Value, String> {
        match template {
            Value::String(text) => self.string(text).map_err(|why| format!(": {why}")),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items.map(|(at, item)| self.render(item).map_err(|why| format!("/{at}{why}"))).collect()
            }
            Value::Object(fields) => {
                let fields = fields.iter().map(|(key, value)| {
                    let rendered = self.render(value).map_err(|why| format!("/{key}{why}"))?;
                    Ok((key.clone(), rendered))
                });
                fields.collect::<Result<Map<_, _>, String>>().map(Value::Object)
            }
            scalar => Ok(scalar.clone()),
        }
    }

    fn string(&self, text: &str) -> Result<Value, String> {
        if !["{{", "{%", "{#"].iter().any(|mark| text.contains(mark)) {
            return Ok(text.into());
        }
        let rendered = match expression(text) {
            Some(expression) => self.value(expression),
            None => self.environment.render_str(text, &self.context).map(Value::from),
        };
        rendered.map_err(|error| plain(&error))
    }

    fn value(&self, expression: &str) -> Result<Value, minijinja::Error> {
        let value = self.environment.compile_expression(expression)?.eval(&self.context)?;
        if value.is_undefined() {
            return Err(minijinja::ErrorKind::UndefinedError.into());
        }
        serde_json::to_value(value)
            .map_err(|error| minijinja::Error::new(minijinja::ErrorKind::BadSerialization, error.to_string()))
    }
}

/// The expression that is all there is in `text`.
fn expression(text: &str) -> Option<&str> {
    let inside = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let one = !inside.contains("{{") && !inside.contains("}}");
    let trims = inside.starts_with(['-', '+']) || inside.ends_with(['-', '+']);
    (one && !trims).then_some(inside)
}

/// What is wrong, without where in the engine.
fn plain(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::parse;

    const CONTEXT: &str = "{workload: {name: hello, annotations: {team: '{{ 1 }}'}}, service: {ports: [{port: 80}]}, \
                           claims: {db: {password: {secretKeyRef: {name: s, key: k}}}}}";

    fn rendered(template: &str) -> Result<Value, String> {
        Renderer::new(&parse(CONTEXT)).render(&parse(template))
    }

    #[test]
    fn every_string_is_filled_in_and_nothing_else() {
        let template = "{a: ['x-{{ workload.name }}', 7, true], '{{ key }}': plain}";
        assert_eq!(
            rendered(template).unwrap(),
            parse::<Value>("{a: [x-hello, 7, true], '{{ key }}': plain}")
        );
    }

    #[test]
    fn a_string_that_is_one_expression_becomes_its_value() {
        let template = "{port: '{{ service.ports[0].port }}', ports: '{{ service.ports }}', text: '{{ service.ports[0].port }} '}";
        assert_eq!(rendered(template).unwrap(), parse::<Value>("{port: 80, ports: [{port: 80}], text: 80}"));
        assert_eq!(rendered("{text: 'port {{ service.ports[0].port }}'}").unwrap()["text"], "port 80");
    }

    #[test]
    fn what_a_workload_brings_is_never_a_template() {
        assert_eq!(rendered("{a: '{{ workload.annotations.team }}'}").unwrap()["a"], "{{ 1 }}");
        assert_eq!(rendered("{a: 'x{{ workload.annotations.team }}'}").unwrap()["a"], "x{{ 1 }}");
    }

    #[test]
    fn a_secret_output_is_its_reference() {
        assert_eq!(rendered("{a: '{{ claims.db.password.secretKeyRef.name }}'}").unwrap()["a"], "s");
    }

    #[test]
    fn what_is_missing_is_an_error_with_its_place() {
        for (template, expected) in [
            ("{a: {b: ['{{ workload.nam }}']}}", "/a/b/0: undefined value"),
            ("{a: 'x{{ workload.nam }}'}", "/a: undefined value"),
            ("{a: '{{ nothing.at.all }}'}", "/a: undefined value"),
            ("{a: '{{ workload.name | nofilter }}'}", "/a: unknown filter"),
            ("{a: '{{ workload.name '}", "/a: syntax error"),
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
}
