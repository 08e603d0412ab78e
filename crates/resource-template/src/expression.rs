//! Expressions in CEL, with the functions that Kubernetes adds.

use std::{fmt, str::FromStr, sync::Arc, thread};

use kube_cel::cel::{ExecutionError, Program};
use object_template::shortened;
use serde_json::Value;

use crate::scope::{Scope, json};

/// An expression that was found to be one.
#[derive(Clone)]
pub(crate) struct Expression {
    source: String,
    program: Arc<Program>,
    /// Whether it looks at what is there for the claim, which changes.
    looks_at_what_is: bool,
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unresolved {
    /// What is wrong.
    pub message: String,
    /// Whether it may have one later: a field of an object that is not there yet.
    pub yet: bool,
}

/// The longest text of an expression.
const MOST_BYTES: usize = 2 * 1024;
/// How deep brackets may be nested.
const DEEPEST: usize = 24;
/// The stack that an expression may use, in bytes. Both the parser and the evaluation are recursive, and a stack that
/// is used up ends the process: this is enough for whatever can be written in the longest text.
const STACK: usize = 64 * 1024 * 1024;

/// What comes of `work`, which has a stack of its own. None if it panics: a controller must outlive whatever an
/// expression does.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| {
        thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).ok()?.join().ok()
    })
}

impl FromStr for Expression {
    type Err = String;

    fn from_str(source: &str) -> Result<Self, String> {
        if source.len() > MOST_BYTES {
            return Err(format!("is too long: {MOST_BYTES} bytes at most"));
        }
        if depth(source) > DEEPEST {
            return Err(format!("nests brackets too deep: {DEEPEST} levels at most"));
        }
        let compile = || Program::compile(source).map_err(|errors| errors.to_string());
        let program = apart(compile).unwrap_or_else(|| Err(String::new())).map_err(|errors| {
            let first = errors.lines().find(|line| !line.is_empty()).unwrap_or("cannot be parsed");
            format!("is not a CEL expression: {first}")
        })?;
        let references = program.references();
        let looks_at_what_is =
            ["objects", "reads", "answer"].iter().any(|name| references.has_variable(name));
        Ok(Self { source: source.to_owned(), looks_at_what_is, program: Arc::new(program) })
    }
}

impl Expression {
    /// Its value in `scope`.
    ///
    /// # Errors
    /// If it has none.
    pub(crate) fn value(&self, scope: &Scope) -> Result<Value, Unresolved> {
        let evaluate = || {
            let value = self.program.execute(&scope.context()).map_err(|error| self.unresolved(&error))?;
            json(&value).ok_or_else(|| self.hopeless("its value cannot be written as JSON"))
        };
        apart(evaluate).unwrap_or_else(|| Err(self.hopeless("it cannot be computed")))
    }

    fn unresolved(&self, error: &ExecutionError) -> Unresolved {
        let programming = matches!(error, ExecutionError::UndeclaredReference(_));
        let yet = self.looks_at_what_is && !programming;
        Unresolved { yet, ..self.hopeless(&error.to_string()) }
    }

    fn hopeless(&self, why: &str) -> Unresolved {
        Unresolved { message: format!("`{}`: {}", shortened(&self.source), shortened(why)), yet: false }
    }
}

/// How deep brackets are nested; those in texts count, too.
fn depth(source: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for character in source.chars() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

impl fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Expression({})", self.source)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scope::test_scope;

    fn value(source: &str) -> Result<Value, Unresolved> {
        let scope = test_scope(json!({
            "params": {"n": 3, "evil": "objects.size() == 0"},
            "objects": {"service": {"metadata": {"name": "a"}, "spec": {"ports": [{"name": "web", "port": 80}]}}},
        }));
        source.parse::<Expression>().unwrap().value(&scope)
    }

    #[test]
    fn an_expression_has_a_json_value() {
        for (source, expected) in [
            ("objects.service.metadata.name + '.svc'", json!("a.svc")),
            ("params.n == 3 && params.n + 1 == 4", json!(true)),
            ("objects.service.spec.ports.filter(p, p.name == 'web')[0].port", json!(80)),
            ("{'emptyDir': {}}", json!({"emptyDir": {}})),
            ("int('7')", json!(7)),
            ("params.evil", json!("objects.size() == 0")),
            ("has(objects.service.status) && objects.service.status.ready", json!(false)),
        ] {
            assert_eq!(value(source).unwrap(), expected, "{source}");
        }
    }

    #[test]
    fn what_an_object_does_not_have_yet_may_come() {
        assert!(value("objects.service.status.ready").unwrap_err().yet);
        assert!(value("objects.other.x").unwrap_err().yet);
        assert!(!value("params.other").unwrap_err().yet);
        assert!(!value("nothing").unwrap_err().yet);
        assert!(!value("objects.service.spec.ports.map(p, nothing)").unwrap_err().yet);
    }

    #[test]
    fn what_is_no_expression_is_refused_and_nothing_panics() {
        for source in ["", "1 +", "objects.", "'", "a b", "${x}", "{{ x }}", "\u{0}", "((((", "x{a: 1}", "@"]
        {
            if let Ok(expression) = source.parse::<Expression>() {
                assert!(expression.value(&test_scope(json!({}))).is_err(), "{source:?}");
            }
        }
        assert!("1 +".parse::<Expression>().is_err());
        assert!("1+".repeat(MOST_BYTES).parse::<Expression>().unwrap_err().contains("too long"));
    }

    #[test]
    fn no_expression_uses_up_the_stack() {
        let scope = test_scope(json!({"params": {"a": 1}}));
        let repeated = |begin: &str, step: &str, end: &str| {
            let times = (MOST_BYTES - begin.len() - end.len()) / step.len();
            format!("{begin}{}{end}", step.repeat(times))
        };
        for source in [
            repeated("", "(", ""),
            repeated("", "[", ""),
            repeated("", "{1:", ""),
            repeated("", "!", "true"),
            repeated("", "-", "1"),
            repeated("", "- ", "1"),
            repeated("1", "+1", ""),
            repeated("params", ".a", ""),
            repeated("params", "['a']", ""),
            repeated("", "true?", "1"),
            repeated("true", "?1:true", "?1:2"),
            repeated("true", "&&true", ""),
            repeated("[1]", ".map(x,x)", ""),
        ] {
            if let Ok(expression) = source.parse::<Expression>() {
                let _: Result<Value, Unresolved> = expression.value(&scope);
            }
        }
        let (open, close) = ("(".repeat(DEEPEST), ")".repeat(DEEPEST));
        assert_eq!(format!("{open}1{close}").parse::<Expression>().unwrap().value(&scope).unwrap(), 1);
        assert!("(((".repeat(DEEPEST).parse::<Expression>().unwrap_err().contains("too deep"));
    }
}
