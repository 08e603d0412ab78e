//! What a ConfigMap says of the configuration: the document itself, or where it is. Pure.

use config_artifact::Reference;
use k8s_openapi::api::core::v1::ConfigMap;

/// The key of the document.
pub const KEY: &str = "config.yaml";
/// The key of the name of an OCI artifact that holds the document.
pub const ARTIFACT: &str = "artifact";

/// Where the document is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nowhere.
    Nowhere,
    /// Here.
    Document(String),
    /// In a registry.
    Artifact(Reference),
    /// Nobody can tell: what to do.
    Unclear(String),
}

impl Source {
    /// What `map` says.
    pub fn of(map: Option<&ConfigMap>) -> Self {
        let Some(map) = map else { return Self::Nowhere };
        let value = |key| map.data.as_ref().and_then(|data| data.get(key)).map(String::as_str);
        match (value(KEY), value(ARTIFACT)) {
            (Some(_), Some(_)) => {
                Self::Unclear(format!("data: has both `{KEY}` and `{ARTIFACT}`: remove one of them"))
            }
            (None, Some(name)) => match name.trim().parse() {
                Ok(reference) => Self::Artifact(reference),
                Err(error) => Self::Unclear(format!("data.{ARTIFACT}: {error}")),
            },
            // Without either it holds a document that is empty.
            (text, None) => Self::Document(text.unwrap_or_default().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NAME: &str = "registry.example.com/platform/config@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn source(data: &Value) -> Source {
        let map: ConfigMap = serde_json::from_value(json!({"metadata": {}, "data": data})).unwrap();
        Source::of(Some(&map))
    }

    #[test]
    fn a_config_map_holds_the_document_or_names_an_artifact() {
        assert_eq!(Source::of(None), Source::Nowhere);
        assert_eq!(source(&json!({"config.yaml": "kind: x"})), Source::Document("kind: x".into()));
        assert_eq!(source(&json!({"other": "x"})), Source::Document(String::new()));
        let named = source(&json!({"artifact": format!("{NAME}\n")}));
        assert_eq!(named, Source::Artifact(NAME.parse().unwrap()));
    }

    #[test]
    fn what_is_not_clear_is_told_with_what_to_do() {
        for (data, expected) in [
            (json!({"config.yaml": "", "artifact": NAME}), "remove one of them"),
            (json!({"artifact": "registry.example.com/platform/config:latest"}), "the digest is missing"),
            (json!({"artifact": ""}), "data.artifact"),
        ] {
            let Source::Unclear(message) = source(&data) else { panic!("{data} is clear") };
            assert!(message.contains(expected), "{message}");
        }
    }
}
