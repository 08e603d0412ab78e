//! Looks for secret values where none may be: in every object but the claim's own Secret, in all logs, in all
//! metrics, in exported spans.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use api_types::ResourceClaim;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{Api, ListParams, LogParams};
use kube::{Client, ResourceExt as _};

use crate::{Context, Result, controllers, inventory};

/// A shorter value would be found by chance.
const SHORTEST: usize = 12;

/// A secret value in every form in which it might turn up.
#[derive(Clone, Debug)]
pub struct Needle {
    /// What to call it, since it must not be printed.
    pub name: String,
    forms: BTreeSet<String>,
}

/// Text in which nothing secret may stand, and what to call it.
#[derive(Clone, Debug)]
pub struct Haystack {
    /// For example `ConfigMap shop/settings` or `log of shop/web`.
    pub name: String,
    /// All of it.
    pub text: String,
}

impl Needle {
    /// The value as it is, as JSON, for URLs, and in base64 wherever in a longer text it stands.
    pub fn new(name: impl Into<String>, value: &str) -> Self {
        let quoted = serde_json::Value::from(value).to_string();
        let for_urls: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let mut forms = BTreeSet::from([
            value.to_owned(),
            quoted.trim_matches('"').to_owned(),
            for_urls.replace('+', "%20"),
            for_urls,
        ]);
        for engine in [STANDARD, URL_SAFE] {
            forms.extend((0..3).map(|offset| inside_base64(value.as_bytes(), offset, &engine)));
        }
        Self { name: name.into(), forms }
    }

    /// Whether the text holds the value in any form.
    pub fn is_in(&self, text: &str) -> bool {
        self.forms.iter().any(|form| text.contains(form.as_str()))
    }
}

/// The characters that a value makes in the base64 of a longer text, in which `offset` bytes (modulo 3) precede it.
/// Those that also depend on its neighbours are left out.
fn inside_base64(value: &[u8], offset: usize, engine: &impl base64::Engine) -> String {
    let padded = [&[0; 2][..offset], value].concat();
    let (first, end) = ((offset * 8).div_ceil(6), padded.len() * 8 / 6);
    engine.encode(&padded)[first..end].to_owned()
}

/// Fails if a secret output of any claim in the test's namespace stands anywhere but in the Secrets of its claim.
///
/// # Errors
/// It does (the error says where, not what), or there is no such output.
pub async fn stay_in_their_secret(context: &Context) -> Result {
    let mut needles = Vec::new();
    let mut own = BTreeSet::new();
    for claim in context.api::<ResourceClaim>().list(&ListParams::default()).await? {
        // Where provisioner-template keeps what it has generated.
        own.insert(format!("{}-generated", claim.name_any()));
        for output in claim.status.iter().flat_map(|status| status.outputs.values()) {
            let Some(secret) = &output.secret_key_ref else { continue };
            needles.push(needle_of(context, &secret.name, &secret.key).await?);
            own.insert(secret.name.clone());
        }
    }
    ensure!(!needles.is_empty(), "no claim in {} has a secret, so nothing was looked for", context.namespace);
    let found = search(context, &needles, &own).await?;
    ensure!(found.is_empty(), "a secret value stands where none may be:\n{}", found.join("\n"));
    Ok(())
}

/// The password that a claim's Secret holds.
///
/// # Errors
/// There is none, or it is too short to be looked for.
pub async fn password_of(context: &Context, secret: &str) -> Result<Needle> {
    needle_of(context, secret, "password").await
}

async fn needle_of(context: &Context, secret: &str, key: &str) -> Result<Needle> {
    let data = context.api::<Secret>().get(secret).await?.data.unwrap_or_default();
    let value = data.get(key).with_context(|| format!("{secret} has no key {key}"))?;
    let value = String::from_utf8(value.0.clone())?;
    ensure!(value.len() >= SHORTEST, "{key} in {secret} has only {} characters", value.len());
    Ok(Needle::new(format!("{key} in {secret}"), &value))
}

/// Where any of the needles stands in the whole cluster; in the namespace's Secrets called one of `exempt` it may.
///
/// # Errors
/// Some place cannot be looked at.
pub async fn search(context: &Context, needles: &[Needle], exempt: &BTreeSet<String>) -> Result<Vec<String>> {
    let mut haystacks = objects(context, exempt).await?;
    for namespace in [controllers::NAMESPACE, &context.namespace] {
        haystacks.extend(logs(&context.client, namespace).await?);
    }
    for controller in controllers::NAMES {
        let text = controllers::get(&context.client, controller, "/metrics").await?;
        haystacks.push(Haystack { name: format!("metrics of {controller}"), text });
    }
    Ok(found(needles, &haystacks))
}

/// `needle: haystack` for each that holds one.
pub fn found(needles: &[Needle], haystacks: &[Haystack]) -> Vec<String> {
    let pairs = needles.iter().flat_map(|needle| haystacks.iter().map(move |haystack| (needle, haystack)));
    let hits = pairs.filter(|(needle, haystack)| needle.is_in(&haystack.text));
    hits.map(|(needle, haystack)| format!("{}: {}", needle.name, haystack.name)).collect()
}

async fn objects(context: &Context, exempt: &BTreeSet<String>) -> Result<Vec<Haystack>> {
    let is_exempt = |object: &inventory::Found| {
        object.kind == "Secret" && object.namespace == context.namespace && exempt.contains(&object.name)
    };
    let objects =
        inventory::everything(&context.client).await?.into_iter().filter(|object| !is_exempt(object));
    let haystack = |object: inventory::Found| Haystack {
        name: format!("{} {}/{}", object.kind, object.namespace, object.name),
        text: object.content.to_string(),
    };
    Ok(objects.map(haystack).collect())
}

async fn logs(client: &Client, namespace: &str) -> Result<Vec<Haystack>> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let mut haystacks = Vec::new();
    for pod in api.list(&ListParams::default()).await? {
        let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        for status in statuses {
            for previous in [false, true] {
                let name =
                    format!("log of {namespace}/{} {} (previous: {previous})", pod.name_any(), status.name);
                let params =
                    LogParams { container: Some(status.name.clone()), previous, ..LogParams::default() };
                // A container that has not started, or not been restarted, has no log.
                let text = api.logs(&pod.name_any(), &params).await.unwrap_or_default();
                haystacks.push(Haystack { name, text });
            }
        }
    }
    Ok(haystacks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    const VALUE: &str = "s3cr3t/+value=?";

    #[test]
    fn a_value_is_found_in_base64_wherever_it_stands_in_the_text() {
        let needle = Needle::new("it", VALUE);
        for before in ["", "a", "ab", "abc", "postgres://user:"] {
            for after in ["", "x", "xy", "@host/db"] {
                let text = format!("{before}{VALUE}{after}");
                assert!(needle.is_in(&STANDARD.encode(&text)), "{text}");
                assert!(needle.is_in(&URL_SAFE.encode(&text)), "{text}");
            }
        }
    }

    #[test]
    fn a_value_is_found_as_it_is_in_json_and_in_urls() {
        let needle = Needle::new("it", "a \"quoted\" value");
        for text in [
            "a \"quoted\" value",
            r#"{"x":"a \"quoted\" value"}"#,
            "?x=a+%22quoted%22+value",
            "a%20%22quoted%22%20value",
        ] {
            assert!(needle.is_in(text), "{text}");
        }
    }

    #[test]
    fn another_value_is_not_found() {
        let needle = Needle::new("it", VALUE);
        assert!(!needle.is_in("s3cr3t/+valuf=?"));
        assert!(!needle.is_in(&STANDARD.encode("s3cr3t/+valuf=?")));
    }

    #[test]
    fn what_is_found_is_named_and_not_printed() {
        let haystack = Haystack { name: "ConfigMap a/b".into(), text: format!("x{VALUE}") };
        assert_eq!(
            found(&[Needle::new("the password", VALUE)], &[haystack]),
            ["the password: ConfigMap a/b"]
        );
    }
}
