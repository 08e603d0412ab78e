//! Workloads as YAML.

use api_types::Workload;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_saphyr::{LitStr, SerializerOptions, ser_options};
use thiserror::Error;

/// A Workload that cannot be written as YAML.
#[derive(Debug, Error)]
pub enum OutputError {
    /// It cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It cannot be written as YAML.
    #[error(transparent)]
    Yaml(#[from] serde_saphyr::SerializeError),
}

/// A stream of documents, for `kubectl apply --filename -`.
///
/// # Errors
/// A value cannot be written as YAML.
pub fn to_yaml(workloads: &[Workload]) -> Result<String, OutputError> {
    let document = |workload| {
        let value = serde_json::to_value(workload)?;
        Ok(format!("---\n{}", serde_saphyr::to_string_with_options(&Written(&value), as_kubectl_reads())?))
    };
    workloads.iter().map(document).collect()
}

/// kubectl reads YAML 1.1, in which `yes` and `1_000` are no texts: they are quoted.
fn as_kubectl_reads() -> SerializerOptions {
    ser_options! { yaml_12: false, prefer_block_scalars: false }
}

/// A value whose texts of several lines are written as such, unless kubectl could not read them.
struct Written<'a>(&'a Value);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::String(text) if is_block(text) => LitStr(text).serialize(serializer),
            Value::Array(list) => serializer.collect_seq(list.iter().map(Written)),
            Value::Object(map) => {
                serializer.collect_map(map.iter().map(|(key, value)| (key, Written(value))))
            }
            scalar => scalar.serialize(serializer),
        }
    }
}

/// Whether a text can stand in a block as it is: lines of printable characters, of which the first gives the indentation
/// and so begins with none.
fn is_block(text: &str) -> bool {
    let is_plain =
        |c: char| matches!(c, '\n' | '\t' | ' '..='~' | '\u{a1}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}');
    text.contains('\n')
        && text.starts_with(|c: char| !c.is_whitespace())
        && text.chars().all(|c| is_plain(c) && !matches!(c, '\u{2028}' | '\u{2029}'))
}
