//! Outputs that provisioners might give.

use api_types::{Output, Workload};
use score_spec::placeholder::Outputs;
use serde_json::{Value, json};

/// What every resource gives, readable by anyone: texts, other values, values inside of values, and a volume.
fn public() -> [(&'static str, Value); 6] {
    [
        ("host", json!("db.example.com")),
        ("port", json!(5432)),
        ("tls", json!({"enabled": true, "hosts": ["a", "b"], "a.b": {"c": null}})),
        ("text", json!("not expanded: ${resources.x.y} $$ \"quoted\"")),
        ("empty", json!("")),
        ("source", json!("volume-1")),
    ]
}

/// What every resource gives, and nobody may read.
const SECRET: [&str; 2] = ["password", "uri"];

/// Placeholders for every output of a resource.
pub(crate) fn references(resource: &str) -> impl Iterator<Item = String> {
    let names = [
        "host",
        "port",
        "tls",
        "tls.enabled",
        "tls.hosts",
        r"tls.a\.b.c",
        "text",
        "empty",
        "password",
        "uri",
    ];
    names.into_iter().map(move |name| format!("${{resources.{resource}.{name}}}"))
}

/// The outputs of every resource of a Workload.
pub(crate) fn of(workload: &Workload) -> Outputs {
    let keys = workload.spec.resources.keys().filter_map(|key| Some((key, key.parse().ok()?)));
    let outputs = keys.map(|(text, key)| {
        let public = public().map(|(name, value)| (name.to_owned(), Output::value(value)));
        let secret = SECRET.map(|name| (name.to_owned(), Output::secret(format!("claim-{text}"), name)));
        (key, public.into_iter().chain(secret).collect())
    });
    outputs.collect()
}
