//! When a resource can be used.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    declaration::{Declaration, Problem, expression, keep},
    expression::{Expression, Unresolved},
    scope::Scope,
};

/// Something that must hold before a resource can be used.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    when: Expression,
    message: Option<String>,
}

/// Whether a resource can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// Not yet; what the declaration says to that.
    NotYet(Option<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    when: Value,
    #[serde(default)]
    message: Option<String>,
}

impl Condition {
    /// The conditions in `field`: an expression, or a list of `{when, message}`.
    pub(crate) fn read_all(field: &str, value: Option<&Value>, problems: &mut Vec<Problem>) -> Vec<Self> {
        match value {
            None => Vec::new(),
            Some(Value::Array(items)) => {
                let items = items.iter().enumerate();
                items.filter_map(|(at, item)| Self::read(item, &format!("{field}[{at}]"), problems)).collect()
            }
            Some(value) => {
                let when = expression(value, field, problems);
                when.map(|when| Self { when, message: None }).into_iter().collect()
            }
        }
    }

    /// What the declaration says to it.
    pub(crate) fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    fn read(value: &Value, path: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let Document { when, message } = keep(Document::deserialize(value), path, problems)?;
        let when = expression(&when, format_args!("{path}.when"), problems)?;
        Some(Self { when, message })
    }
}

/// Whether all of `conditions`, which stand in `field`, hold in `scope`.
///
/// # Errors
/// The first that neither holds nor does not.
pub(crate) fn readiness(
    field: &str,
    conditions: &[Condition],
    scope: &Scope,
) -> Result<Readiness, Unresolved> {
    let broken = |at: usize, why: &str| Unresolved { message: format!("{field}[{at}]: {why}"), yet: false };
    for (at, Condition { when, message }) in conditions.iter().enumerate() {
        match when.value(scope) {
            Ok(Value::Bool(true)) => {}
            Ok(Value::Bool(false)) => return Ok(Readiness::NotYet(message.clone())),
            Err(unresolved) if unresolved.yet => return Ok(Readiness::NotYet(message.clone())),
            Ok(_) => return Err(broken(at, "is neither true nor false")),
            Err(unresolved) => return Err(broken(at, &unresolved.message)),
        }
    }
    Ok(Readiness::Ready)
}

impl Declaration {
    /// Whether the resource can be used, given what there is in `scope`.
    ///
    /// # Errors
    /// The first condition that neither holds nor does not.
    pub fn readiness(&self, scope: &Scope) -> Result<Readiness, Unresolved> {
        readiness("readyWhen", &self.ready_when, scope)
    }

    /// Which expression has no value yet, and why: for those who write the declaration.
    pub fn waits_for(&self, scope: &Scope) -> Option<String> {
        let condition = |(at, condition): (usize, &Condition)| {
            let why = condition.when.value(scope).err()?;
            why.yet.then(|| format!("readyWhen[{at}]: {why}"))
        };
        let waiting = self.ready_when.iter().enumerate().find_map(condition);
        waiting.or_else(|| self.outputs(scope).err().filter(|why| why.yet).map(|why| why.message))
    }
}
