//! Label and field selectors, as far as controllers use them.

use serde_json::Value;

/// Requirements joined by commas: `key=value`, `key==value`, `key!=value`, `key` or `!key`.
#[derive(Clone, Debug, Default)]
pub(super) struct Selector {
    labels: Option<String>,
    fields: Option<String>,
}

impl Selector {
    pub(super) fn new(labels: Option<String>, fields: Option<String>) -> Self {
        Self { labels, fields }
    }

    /// Whether `object` is selected.
    pub(super) fn matches(&self, object: &Value) -> bool {
        let label = |key: &str| object["metadata"]["labels"][key].as_str().map(str::to_owned);
        let field = |path: &str| text(path.split('.').fold(object, |value, key| &value[key]));
        holds(self.labels.as_deref(), label) && holds(self.fields.as_deref(), field)
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn holds(requirements: Option<&str>, value: impl Fn(&str) -> Option<String>) -> bool {
    let requirements =
        requirements.unwrap_or_default().split(',').filter(|requirement| !requirement.is_empty());
    requirements.into_iter().all(|requirement| match requirement.split_once('=') {
        Some((key, wanted)) if key.ends_with('!') => {
            value(key.trim_end_matches('!')).as_deref() != Some(wanted)
        }
        Some((key, wanted)) => value(key).as_deref() == Some(wanted.trim_start_matches('=')),
        None => match requirement.strip_prefix('!') {
            Some(key) => value(key).is_none(),
            None => value(requirement).is_some(),
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_selected_by_labels_and_fields() {
        let object =
            json!({"metadata": {"name": "a", "labels": {"app": "web"}}, "spec": {"class": "k8s", "n": 1}});
        let matches = |labels: &str, fields: &str| {
            Selector::new(Some(labels.to_owned()), Some(fields.to_owned())).matches(&object)
        };
        for (labels, fields) in [
            ("", ""),
            ("app=web", ""),
            ("app==web,app", ""),
            ("!team,app!=api", ""),
            ("", "spec.class=k8s,spec.n=1,metadata.name=a"),
        ] {
            assert!(matches(labels, fields), "{labels} {fields}");
        }
        for (labels, fields) in
            [("app=api", ""), ("team", ""), ("!app", ""), ("app!=web", ""), ("app=web", "spec.class=other")]
        {
            assert!(!matches(labels, fields), "{labels} {fields}");
        }
    }
}
