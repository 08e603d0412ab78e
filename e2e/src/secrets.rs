//! Looks for secret values where none may be: in every object but the claim's own Secret, in all logs, in all
//! metrics, in exported spans.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
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
    let found = search(context, &needles, |secret| own.contains(secret)).await?;
    ensure!(found.is_empty(), "a secret value stands where none may be:\n{}", found.join("\n"));
    Ok(())
}

/// Fails if a value that was a secret output of any claim at any time of the test now stands anywhere but in a Secret of
/// the test's namespace. What a template or a Workload copies into another Secret may be there.
///
/// # Errors
/// It does: the error says where, not what.
pub async fn never_left_secrets(context: &Context) -> Result {
    let needles = handed_out(context)?;
    if needles.is_empty() {
        return Ok(());
    }
    let found = search(context, &needles, |_| true).await?;
    ensure!(found.is_empty(), "a secret value stands outside of Secrets:\n{}", found.join("\n"));
    Ok(())
}

/// Every value that ever stood under a key of a Secret that ever was the output of a claim. One that is so short that it
/// would be found by chance is left out.
fn handed_out(context: &Context) -> Result<Vec<Needle>> {
    let mut keys = BTreeSet::new();
    for claim in context.claims.versions()? {
        let outputs = claim.status.iter().flat_map(|status| status.outputs.values());
        keys.extend(outputs.filter_map(|output| {
            output.secret_key_ref.as_ref().map(|key| (key.name.clone(), key.key.clone()))
        }));
    }
    let mut values = BTreeSet::new();
    for secret in context.secrets.versions()? {
        let name = secret.name_any();
        for (key, value) in secret.data.iter().flatten() {
            let text = std::str::from_utf8(&value.0).unwrap_or_default();
            if text.len() >= SHORTEST && keys.contains(&(name.clone(), key.clone())) {
                values.insert((format!("{key} in {name}"), text.to_owned()));
            }
        }
    }
    Ok(values.iter().map(|(name, value)| Needle::new(name, value)).collect())
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

/// Where any of the needles stands in the whole cluster; in the namespace's Secrets whose names are `exempt` it may.
///
/// # Errors
/// Some place cannot be looked at.
pub async fn search(
    context: &Context,
    needles: &[Needle],
    exempt: impl Fn(&str) -> bool,
) -> Result<Vec<String>> {
    let mut haystacks = objects(context, exempt).await?;
    for namespace in [controllers::NAMESPACE, &context.namespace] {
        haystacks.extend(logs(&context.client, namespace).await?);
    }
    for controller in controllers::NAMES {
        let text = controllers::get(&context.client, controller, "/metrics").await?;
        haystacks.push(Haystack { name: format!("metrics of {controller}"), text });
    }
    found(needles, &haystacks)
}

/// `needle: haystack` for each that holds one in any form.
///
/// # Errors
/// There are more needles than one can look for.
pub fn found(needles: &[Needle], haystacks: &[Haystack]) -> Result<Vec<String>> {
    let forms: Vec<_> =
        needles.iter().flat_map(|needle| needle.forms.iter().map(move |form| (form, needle))).collect();
    // Hundreds of needles in megabytes: all are looked for at once.
    let search = AhoCorasick::new(forms.iter().map(|(form, _)| form))?;
    let mut hits = BTreeSet::new();
    for haystack in haystacks {
        for hit in search.find_overlapping_iter(&haystack.text) {
            let (_, needle) = forms[hit.pattern().as_usize()];
            hits.insert(format!("{}: {}", needle.name, haystack.name));
        }
    }
    Ok(hits.into_iter().collect())
}

async fn objects(context: &Context, exempt: impl Fn(&str) -> bool) -> Result<Vec<Haystack>> {
    let is_exempt = |object: &inventory::Found| {
        object.kind == "Secret" && object.namespace == context.namespace && exempt(&object.name)
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

    fn is_in(needle: &Needle, text: &str) -> bool {
        let haystack = Haystack { name: "text".to_owned(), text: text.to_owned() };
        !found(std::slice::from_ref(needle), &[haystack]).expect("few needles").is_empty()
    }

    #[test]
    fn a_value_is_found_in_base64_wherever_it_stands_in_the_text() {
        let needle = Needle::new("it", VALUE);
        for before in ["", "a", "ab", "abc", "postgres://user:"] {
            for after in ["", "x", "xy", "@host/db"] {
                let text = format!("{before}{VALUE}{after}");
                assert!(is_in(&needle, &STANDARD.encode(&text)), "{text}");
                assert!(is_in(&needle, &URL_SAFE.encode(&text)), "{text}");
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
            assert!(is_in(&needle, text), "{text}");
        }
    }

    #[test]
    fn another_value_is_not_found() {
        let needle = Needle::new("it", VALUE);
        assert!(!is_in(&needle, "s3cr3t/+valuf=?"));
        assert!(!is_in(&needle, &STANDARD.encode("s3cr3t/+valuf=?")));
    }

    #[test]
    fn of_two_values_of_which_one_is_in_the_other_both_are_found() {
        let needles = [Needle::new("short", "0123456789ab"), Needle::new("long", "xx0123456789abxx")];
        let haystack = Haystack { name: "text".to_owned(), text: "xx0123456789abxx".to_owned() };
        assert_eq!(found(&needles, &[haystack]).expect("two needles"), ["long: text", "short: text"]);
    }

    #[test]
    fn what_is_found_is_named_and_not_printed() {
        let haystack = Haystack { name: "ConfigMap a/b".into(), text: format!("x{VALUE}") };
        assert_eq!(
            found(&[Needle::new("the password", VALUE)], &[haystack]).expect("one needle"),
            ["the password: ConfigMap a/b"]
        );
    }
}
