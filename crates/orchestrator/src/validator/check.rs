//! From files to verdicts.

use std::{collections::BTreeMap, sync::Arc};

use api_types::{PlatformPolicy, ResourceClaim, Workload};
use controller_kit::Cache;
use jiff::Timestamp;
use kube::{CustomResourceExt as _, ResourceExt as _};
use platform::{
    annotations,
    config::{BUILTIN, Config},
    decide::{Decision, Refusal},
    document::Document,
    policy::Policies,
    select::{Because, NoBackend, Selection},
};
use score_spec::validate::FieldError;
use serde_json::{Value, json};

use super::{Found, Report, admission::Admission, live};
use crate::{caches::Caches, dereference::dereference, governance::Platform, sharing, validate::validate};

/// What the platform would say of a Workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What is wrong, as it stands in the status, field by field.
    pub errors: Vec<(String, String)>,
    /// What it would get.
    pub notes: Vec<String>,
}

/// A Workload in a file.
struct Given<'a> {
    file: &'a str,
    document: &'a Document,
    workload: Workload,
}

/// Checks a configuration (without one the built-in one serves), policies, and Workloads in a namespace with these
/// labels. Where files with the claims that are there are given, it tells what becomes of them.
pub fn check(
    config: Option<&Found>,
    policies: &[Found],
    workloads: &[Found],
    live: &[Found],
    labels: BTreeMap<String, String>,
) -> Report {
    let mut report = Report::default();
    let (workload_rules, policy_rules) =
        match (Admission::of(&Workload::crd()), Admission::of(&PlatformPolicy::crd())) {
            (Ok(workloads), Ok(policies)) => (workloads, policies),
            (Err(error), _) | (_, Err(error)) => {
                report.error("score-orchestrator", 0, error);
                return report;
            }
        };
    let config = read_config(config, &mut report);
    let policies: Vec<PlatformPolicy> =
        policies.iter().flat_map(|file| read_policies(file, &policy_rules, &mut report)).collect();
    let claims = live::read(live, &mut report);
    let mut given: Vec<_> =
        workloads.iter().flat_map(|file| read_workloads(file, &workload_rules, &mut report)).collect();
    for Given { workload, .. } in &mut given {
        let uid = live::uid_of(workload, &claims);
        workload.metadata.uid = uid.or_else(|| workload.metadata.name.clone());
    }
    let Some(config) = config else {
        given.iter().for_each(|given| check_alone(given, &mut report));
        return report;
    };
    let (config, policies) = (Arc::new(config), Arc::new(Policies::new(&policies)));
    let platform = |workload: &Workload| {
        Platform::new(config.clone(), policies.clone(), labels_around(workload, &labels))
    };
    check_all(&given, claims, platform, !live.is_empty(), &mut report);
    report
}

/// Judges the Workloads, each on the platform that there is for it.
fn check_all(
    given: &[Given<'_>],
    claims: Vec<ResourceClaim>,
    platform: impl Fn(&Workload) -> Platform,
    with_live: bool,
    report: &mut Report,
) {
    let all = Cache::from_objects(given.iter().map(|given| given.workload.clone()));
    let caches =
        Caches::new(all, Cache::from_objects(claims), Cache::from_objects([]), Cache::from_objects([]));
    for Given { file, document, workload } in given {
        let verdict = verdict(workload, &caches, &platform(workload), with_live);
        for (path, text) in &verdict.errors {
            report.error(file, document.lines.of(path), text);
        }
        if verdict.errors.is_empty() {
            report.valid(file, document.lines.of(""), name_of(workload), verdict.notes);
        }
    }
}

/// Tells what is wrong with a Workload whatever the platform is: with its spec, and with its own annotations.
fn check_alone(given: &Given<'_>, report: &mut Report) {
    let Given { file, document, workload } = given;
    let spec = score_spec::validate::validate(workload).err();
    let asked = annotations::read(workload.annotations(), &workload.spec.containers).err();
    for error in spec.into_iter().chain(asked).flatten() {
        report.error(file, document.lines.of(&error.path), &error);
    }
    let note = "is not checked against the rules of the platform, since its configuration is not valid";
    report.note(file, document.lines.of(""), format!("{} {note}", name_of(workload)));
}

/// The labels of the namespace that a Workload is in: those that are given, and its name, which the API server adds.
fn labels_around(workload: &Workload, given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let name = workload.metadata.namespace.clone().unwrap_or_default();
    let mut labels = given.clone();
    labels.entry("kubernetes.io/metadata.name".to_owned()).or_insert(name);
    labels
}

fn read_config(file: Option<&Found>, report: &mut Report) -> Option<Config> {
    let text = file.map_or(BUILTIN, |file| &file.text);
    let name = file.map_or("built-in", |file| &file.name);
    match text.parse::<Config>() {
        Ok(config) => {
            if file.is_some() {
                report.valid(name, 1, format!("OrchestratorConfig {}", config.name), Vec::new());
            }
            Some(config)
        }
        Err(errors) => {
            errors.0.iter().for_each(|error| report.error(name, error.line, &error.error));
            None
        }
    }
}

/// The documents of a file that are objects of a kind; the others are skipped, and said to be.
fn of_kind<'a>(file: &'a Found, kind: &str, report: &mut Report) -> Vec<&'a Document> {
    let documents = match &file.documents {
        Ok(documents) => documents,
        Err(error) => {
            report.error(&file.name, error.line, &error.message);
            return Vec::new();
        }
    };
    let is_wanted = |document: &&Document| {
        let (version, found) = (&document.value["apiVersion"], &document.value["kind"]);
        let wanted = version == "score.dev/v1b1" && found == kind;
        if !wanted {
            let found = found.as_str().unwrap_or("document without a kind");
            report.note(
                &file.name,
                document.lines.of(""),
                format!("skipped: a {found}, not a {kind} of score.dev/v1b1"),
            );
        }
        wanted
    };
    documents.iter().filter(is_wanted).collect()
}

fn read_policies(file: &Found, rules: &Admission, report: &mut Report) -> Vec<PlatformPolicy> {
    let mut policies = Vec::new();
    for document in of_kind(file, "PlatformPolicy", report) {
        let Some(policy) = admitted::<PlatformPolicy>(file, document, rules, report) else { continue };
        let read = Policies::new([&policy]);
        let errors: Vec<&FieldError> = read.iter().flat_map(|policy| policy.errors()).collect();
        for error in &errors {
            report.error(&file.name, document.lines.of(&error.path), error);
        }
        if errors.is_empty() {
            let name = format!("PlatformPolicy {}", policy.metadata.name.as_deref().unwrap_or_default());
            report.valid(&file.name, document.lines.of(""), name, Vec::new());
        }
        policies.push(policy);
    }
    policies
}

fn read_workloads<'a>(file: &'a Found, rules: &Admission, report: &mut Report) -> Vec<Given<'a>> {
    let documents = of_kind(file, "Workload", report).into_iter();
    documents
        .filter_map(|document| {
            let workload = admitted(file, document, rules, report)?;
            Some(Given { file: &file.name, document, workload: as_stored(workload) })
        })
        .collect()
}

/// The object, if the API server would take it.
fn admitted<T: serde::de::DeserializeOwned>(
    file: &Found,
    document: &Document,
    rules: &Admission,
    report: &mut Report,
) -> Option<T> {
    let mut object = document.value.clone();
    // The API server knows an object by these, whatever else there is.
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    if object["metadata"].get("name").is_none_or(Value::is_null) {
        report.error(&file.name, document.lines.of("metadata"), "metadata.name: is missing: add it");
        return None;
    }
    let errors = rules.errors(&object);
    errors.iter().for_each(|error| report.error(&file.name, document.lines.of(&error.path), error));
    if !errors.is_empty() {
        return None;
    }
    let parsed = serde_json::from_value(object);
    parsed.map_err(|error| report.error(&file.name, document.lines.of(""), error)).ok()
}

/// With what the API server would give it.
fn as_stored(mut workload: Workload) -> Workload {
    let metadata = &mut workload.metadata;
    metadata.namespace.get_or_insert_with(|| "default".to_owned());
    metadata.generation = Some(1);
    workload.status = None;
    workload
}

/// What the controller finds, in its own words.
fn verdict(workload: &Workload, caches: &Caches, platform: &Platform, with_live: bool) -> Verdict {
    let world = dereference(caches, platform, workload, Timestamp::UNIX_EPOCH);
    let given = sharing::defined_for(workload, &world.shared);
    match platform.decide(workload, validate(workload, &world), &given) {
        Ok(decision) => {
            let mut verdict = decided(&decision);
            if with_live {
                verdict.notes.extend(live::preview(workload, &decision, &world));
            }
            verdict
        }
        Err(Refusal::Spec(errors)) => {
            let errors = errors.iter().map(|error| (error.path.clone(), error.to_string()));
            Verdict { errors: errors.collect(), notes: Vec::new() }
        }
        Err(Refusal::Policy(violations)) => {
            let errors =
                violations.iter().map(|violation| (violation.error.path.clone(), violation.to_string()));
            Verdict { errors: errors.collect(), notes: Vec::new() }
        }
    }
}

fn decided(decision: &Decision<'_>) -> Verdict {
    let (mut errors, mut notes) = (Vec::new(), Vec::new());
    match &decision.selection {
        Selection::Chosen(choice) => {
            let (backend, profile) = (choice.backend, choice.profile);
            notes.push(format!("runs with profile `{profile}` (by {})", choice.because));
            notes.push(format!(
                "runs on backend `{}` of runtime class `{}`",
                backend.id, backend.runtime_class
            ));
            notes.extend(choice.others.iter().map(|(id, why)| format!("  not on `{id}`: {why}")));
        }
        Selection::Nothing(nothing) => errors.push((path_of_profile(nothing), nothing.to_string())),
    }
    for (key, provided) in &decision.resources {
        match provided {
            Ok(provided) => {
                let provision = &provided.provision;
                notes.push(format!(
                    "resource `{key}` comes from `{}`, class `{}`, deprovision policy {:?}",
                    provision.provisioner.name, provision.class_name, provided.deprovision_policy
                ));
                notes
                    .extend(provision.others.iter().map(|(name, why)| format!("  not from `{name}`: {why}")));
            }
            Err(nobody) => {
                let path = format!("spec.resources.{key}");
                errors.push((path.clone(), format!("{path}: {nobody}")));
            }
        }
    }
    Verdict { errors, notes }
}

fn path_of_profile(nothing: &NoBackend<'_>) -> String {
    match nothing {
        NoBackend::NoProfile { by, .. } | NoBackend::AllDropped { because: Because::Asked(by), .. } => {
            by.to_string()
        }
        NoBackend::AllDropped { .. } => "spec".to_owned(),
    }
}

fn name_of(workload: &Workload) -> String {
    let metadata = &workload.metadata;
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("Workload {}/{}", part(&metadata.namespace), part(&metadata.name))
}
