//! What a database is made of: the provisioner's flags, and the class's parameters over them.

use quantity::Quantity;
use serde_json::{Map, Value};

use crate::fields::Fields;

/// What the flags give every database of this provisioner.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// The image.
    pub image: String,
    /// The size of the volume.
    pub storage: Quantity,
    /// The storage class; the cluster's default where there is none.
    pub storage_class: Option<String>,
    /// The user and group that PostgreSQL runs as.
    pub run_as_user: i64,
    /// The DNS domain of the cluster, to be appended to host names.
    pub cluster_domain: Option<String>,
}

/// What one database is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The image.
    pub image: String,
    /// The size of the volume.
    pub storage: Quantity,
    /// The storage class; the cluster's default where there is none.
    pub storage_class: Option<String>,
    /// What PostgreSQL is sure to get.
    pub requests: Compute,
    /// The most that PostgreSQL may use.
    pub limits: Compute,
    /// The service account of its pod, in the claim's namespace; Kubernetes' default where there is none.
    pub service_account: Option<String>,
}

/// Quantities of CPU and memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compute {
    /// Cores.
    pub cpu: Option<Quantity>,
    /// Bytes.
    pub memory: Option<Quantity>,
}

/// Enough for an idle PostgreSQL and a few clients.
const REQUESTED_CPU: &str = "50m";
const REQUESTED_MEMORY: &str = "64Mi";

/// The settings that the class parameters `parameters` make of `defaults`.
///
/// # Errors
/// Everything that is wrong with the parameters, each with its path.
pub fn settings(
    parameters: Option<&Map<String, Value>>,
    defaults: &Defaults,
) -> Result<Settings, Vec<String>> {
    let mut errors = Vec::new();
    let mut fields = Fields::new("parameters", parameters.cloned().unwrap_or_default());
    let image =
        image(fields.text("image", &mut errors), fields.text("version", &mut errors), defaults, &mut errors);
    let storage = fields.quantity("storage", &mut errors).unwrap_or_else(|| defaults.storage.clone());
    if storage.is_zero() {
        errors.push("parameters.storage: must be greater than zero".to_owned());
    }
    let storage_class =
        fields.text("storageClassName", &mut errors).or_else(|| defaults.storage_class.clone());
    let (requests, limits) = resources(fields.object("resources", &mut errors), &mut errors);
    let service_account = service_account(&mut fields, &mut errors);
    fields.finish(&mut errors);
    if errors.is_empty() {
        Ok(Settings { image, storage, storage_class, requests, limits, service_account })
    } else {
        Err(errors)
    }
}

/// A name as Kubernetes has it for service accounts (RFC 1123, a subdomain).
fn service_account(fields: &mut Fields, errors: &mut Vec<String>) -> Option<String> {
    const KEY: &str = "serviceAccountName";
    let name = fields.text(KEY, errors)?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        let ends = [label.bytes().next(), label.bytes().next_back()];
        ends.into_iter().all(|end| end.is_some_and(plain))
            && label.bytes().all(|byte| plain(byte) || byte == b'-')
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
        return fields.wrong(
            KEY,
            "must be the name of a service account: small letters, digits, `-` and `.`",
            errors,
        );
    }
    Some(name)
}

fn image(
    image: Option<String>,
    version: Option<String>,
    defaults: &Defaults,
    errors: &mut Vec<String>,
) -> String {
    let image = image.unwrap_or_else(|| defaults.image.clone());
    let Some(version) = version else { return image };
    if tag(&image).is_some() || image.contains('@') {
        errors.push(format!("parameters.version: the image `{image}` names a version already"));
    }
    format!("{image}:{version}")
}

/// The tag of an image, which follows the last colon unless that belongs to the registry's port.
fn tag(image: &str) -> Option<&str> {
    let name = image.split('@').next().unwrap_or(image);
    name.rsplit_once(':').map(|(_, tag)| tag).filter(|tag| !tag.contains('/'))
}

/// The major version of PostgreSQL that the image's tag names, if it begins with one: `postgres:15.4-alpine` is 15.
pub fn major_version(image: &str) -> Option<u32> {
    let tag = tag(image)?;
    let digits = tag.find(|c: char| !c.is_ascii_digit()).unwrap_or(tag.len());
    tag[..digits].parse().ok()
}

fn resources(mut fields: Fields, errors: &mut Vec<String>) -> (Compute, Compute) {
    let mut requests = compute(fields.object("requests", errors), errors);
    let limits = compute(fields.object("limits", errors), errors);
    fields.finish(errors);
    for (name, request, limit) in
        [("cpu", &requests.cpu, &limits.cpu), ("memory", &requests.memory, &limits.memory)]
    {
        if let (Some(request), Some(limit)) = (request, limit)
            && request > limit
        {
            errors.push(format!(
                "parameters.resources.requests.{name}: {request} is more than the limit {limit}"
            ));
        }
    }
    // A limit alone is also the request, as everywhere in Kubernetes.
    requests.cpu = requests.cpu.or_else(|| default_request(REQUESTED_CPU, limits.cpu.as_ref()));
    requests.memory = requests.memory.or_else(|| default_request(REQUESTED_MEMORY, limits.memory.as_ref()));
    (requests, limits)
}

fn default_request(amount: &str, limit: Option<&Quantity>) -> Option<Quantity> {
    limit.cloned().or_else(|| amount.parse().ok())
}

fn compute(mut fields: Fields, errors: &mut Vec<String>) -> Compute {
    let compute = Compute { cpu: fields.quantity("cpu", errors), memory: fields.quantity("memory", errors) };
    fields.finish(errors);
    compute
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> Defaults {
        Defaults {
            image: "registry:5000/postgres".to_owned(),
            storage: "1Gi".parse().unwrap(),
            storage_class: None,
            run_as_user: 999,
            cluster_domain: None,
        }
    }

    fn of(yaml: &str) -> Result<Settings, Vec<String>> {
        let parameters: Map<String, Value> = serde_yaml_ng::from_str(yaml).unwrap();
        settings(Some(&parameters), &defaults())
    }

    #[test]
    fn without_parameters_the_flags_decide() {
        let settings = settings(None, &defaults()).unwrap();
        assert_eq!(settings.image, "registry:5000/postgres");
        assert_eq!(settings.storage.to_string(), "1Gi");
        assert_eq!(settings.requests.cpu, Some("50m".parse().unwrap()));
        assert_eq!(settings.requests.memory, Some("64Mi".parse().unwrap()));
        assert_eq!(settings.limits, Compute::default());
    }

    #[test]
    fn parameters_override_the_flags() {
        let settings = of("{image: postgres, version: 17, storage: 1024Mi, storageClassName: fast,
                            resources: {requests: {cpu: 0.1}, limits: {cpu: 1, memory: 256Mi}}}")
        .unwrap();
        assert_eq!(settings.image, "postgres:17");
        assert_eq!(settings.storage.to_string(), "1024Mi");
        assert_eq!(settings.storage_class.as_deref(), Some("fast"));
        assert_eq!(settings.requests.cpu.unwrap().to_string(), "0.1");
        assert_eq!(settings.requests.memory, settings.limits.memory);
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once_with_its_path() {
        let errors = of(
            "{image: 'a b', version: [], storage: lots, size: 1, storageClassName: '',
                          resources: {requests: {cpu: 2, gpu: 1}, limits: {cpu: 1, memory: {}}, claims: []}}",
        )
        .unwrap_err();
        assert_eq!(
            errors,
            [
                "parameters.image: must be text without blanks",
                "parameters.version: must be text without blanks",
                "parameters.storage: `lots` is not a quantity such as 500m, 2, 64Mi or 1.5Gi",
                "parameters.storageClassName: must be text without blanks",
                "parameters.resources.requests.gpu: there is no such parameter, only cpu and memory",
                "parameters.resources.limits.memory: must be a quantity such as 1Gi",
                "parameters.resources.claims: there is no such parameter, only requests and limits",
                "parameters.resources.requests.cpu: 2 is more than the limit 1",
                "parameters.size: there is no such parameter, only image, version, storage, storageClassName, resources and serviceAccountName",
            ]
        );
        assert_eq!(of("{storage: 0}").unwrap_err(), ["parameters.storage: must be greater than zero"]);
    }

    #[test]
    fn a_service_account_is_a_name() {
        let named = |name: &str| of(&format!("{{serviceAccountName: '{name}'}}"));
        assert_eq!(named("db.no-1").unwrap().service_account.as_deref(), Some("db.no-1"));
        assert_eq!(of("{}").unwrap().service_account, None);
        for name in ["-a", "a-", "A", "a_b", "a..b", ".", "a/b", &"a".repeat(254)] {
            assert!(
                named(name).unwrap_err()[0].starts_with("parameters.serviceAccountName: must be"),
                "{name}"
            );
        }
    }

    #[test]
    fn a_version_needs_an_image_that_does_not_name_one() {
        assert_eq!(of("{version: '17'}").unwrap().image, "registry:5000/postgres:17");
        for image in ["postgres:16", "postgres@sha256:abc", "r:5000/postgres:16@sha256:abc"] {
            let errors = of(&format!("{{image: '{image}', version: '17'}}")).unwrap_err();
            assert_eq!(errors, [format!("parameters.version: the image `{image}` names a version already")]);
        }
    }

    #[test]
    fn the_major_version_is_read_from_the_tag_if_it_is_there() {
        for (image, major) in [
            ("postgres:15", Some(15)),
            ("postgres:15.4-alpine", Some(15)),
            ("r:5000/postgres:17@sha256:abc", Some(17)),
            ("r:5000/postgres", None),
            ("localhost/score/postgres:dev", None),
            ("postgres@sha256:15", None),
        ] {
            assert_eq!(major_version(image), major, "{image}");
        }
    }
}
