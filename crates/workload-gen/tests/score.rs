//! A thousand valid Workloads are valid and can be projected, a thousand invalid ones are refused; nothing panics.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use api_types::Workload;
use kube::CustomResourceExt as _;
use kube::core::cel::{CompiledSchema, Validator, compile_schema};
use score_convert::schema::Schema;
use score_spec::project::{Resolution, project};
use score_spec::validate::validate;
use serde_json::{Value, json};
use workload_gen::{Generator, Settings};

const WORKLOADS: usize = 1_000;

/// The seed of this run. With `WORKLOAD_SEED` set, that one again.
fn seed() -> u64 {
    let given = std::env::var("WORKLOAD_SEED").ok().map(|seed| seed.parse().unwrap());
    let seed = given.unwrap_or_else(rand::random);
    println!("WORKLOAD_SEED={seed}");
    seed
}

/// What the API server checks of a Workload.
struct Admission {
    schema: Schema,
    rules: CompiledSchema,
}

impl Admission {
    fn new() -> Self {
        let crd = serde_json::to_value(Workload::crd()).unwrap();
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let rules = compile_schema(schema);
        assert!(!rules.has_errors(), "{:?}", rules.compilation_errors());
        Self { schema: Schema::of_workload_spec().unwrap(), rules }
    }

    fn problems(&self, object: &Value) -> Vec<String> {
        let mut problems = self.schema.problems(&object["spec"]);
        if problems.is_empty() {
            let broken = Validator::new().validate_compiled(&self.rules, object, None).err();
            problems.extend(broken.into_iter().flatten().map(|error| error.to_string()));
        }
        problems
    }

    /// Everything that stands against a Workload, at admission or, if that lets it through, in its status.
    fn refusal(&self, object: &Value) -> Vec<String> {
        let problems = self.problems(object);
        if !problems.is_empty() {
            return problems;
        }
        match serde_json::from_value::<Workload>(object.clone()) {
            Err(error) => vec![error.to_string()],
            Ok(workload) => {
                let errors = validate(&workload).err().into_iter().flatten();
                errors.map(|error| error.to_string()).collect()
            }
        }
    }
}

#[test]
fn valid_workloads_are_accepted_and_projected_in_the_same_way_each_time() {
    let (seed, admission) = (seed(), Admission::new());
    let mut generator = Generator::new(seed, Settings::default()).unwrap();
    for number in 0..WORKLOADS {
        let workload = generator.valid().unwrap();
        let object = serde_json::to_value(&workload).unwrap();
        let refusal = admission.refusal(&object);
        assert!(refusal.is_empty(), "{number} of seed {seed}: {refusal:#?}\n{object:#}");
        let outputs = generator.outputs(&workload);
        let projection = project(&validate(&workload).unwrap(), &outputs);
        assert!(
            matches!(projection.containers, Resolution::Resolved(_)),
            "{number} of seed {seed}: {:?}\n{object:#}",
            projection.containers
        );
        let params = projection.params.values().all(|params| matches!(params, Resolution::Resolved(_)));
        assert!(params, "{number} of seed {seed}: {:?}\n{object:#}", projection.params);
        let again: Workload = serde_json::from_value(object).unwrap();
        assert_eq!(project(&validate(&again).unwrap(), &outputs), projection, "{number} of seed {seed}");
    }
}

#[test]
fn invalid_workloads_are_refused() {
    let (seed, admission) = (seed(), Admission::new());
    let mut generator = Generator::new(seed, Settings::default()).unwrap();
    let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
    for number in 0..WORKLOADS {
        let invalid = generator.invalid().unwrap();
        let refusal = admission.refusal(&invalid.object);
        assert!(
            !refusal.is_empty(),
            "{number} of seed {seed} breaks {:?}\n{:#}",
            invalid.rule,
            invalid.object
        );
        *rules.entry(invalid.rule).or_default() += 1;
    }
    assert!(rules.len() > 30, "{rules:?}");
}

#[test]
fn edits_leave_a_workload_valid() {
    let (seed, admission) = (seed(), Admission::new());
    let mut generator = Generator::new(seed, Settings::default()).unwrap();
    let mut workload = generator.valid().unwrap();
    for number in 0..200 {
        workload = generator.edited(&workload).unwrap();
        let refusal = admission.refusal(&serde_json::to_value(&workload).unwrap());
        assert!(refusal.is_empty(), "{number} of seed {seed}: {refusal:#?}");
    }
}

#[test]
fn equal_seeds_give_equal_workloads() {
    let workloads = |seed: u64| {
        let mut generator = Generator::new(seed, Settings::default()).unwrap();
        (0..20).map(|_| generator.valid().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(workloads(1), workloads(1));
    assert_ne!(workloads(1), workloads(2));
}

#[test]
fn every_field_of_the_kind_is_generated() {
    let mut generator = Generator::new(1, Settings::default()).unwrap();
    let texts: Vec<String> =
        (0..WORKLOADS).map(|_| json!(generator.valid().unwrap().spec).to_string()).collect();
    let is_there = |field: &str| texts.iter().any(|text| text.contains(&format!("\"{field}\":")));
    let fields = [
        "metadata",
        "containers",
        "service",
        "resources",
        "image",
        "command",
        "args",
        "variables",
        "files",
        "volumes",
        "before",
        "livenessProbe",
        "readinessProbe",
        "content",
        "binaryContent",
        "mode",
        "noExpand",
        "source",
        "path",
        "readOnly",
        "ready",
        "limits",
        "requests",
        "cpu",
        "memory",
        "httpGet",
        "exec",
        "host",
        "scheme",
        "port",
        "httpHeaders",
        "ports",
        "name",
        "targetPort",
        "protocol",
        "type",
        "class",
        "id",
        "params",
        "annotations",
    ];
    let missing: Vec<_> = fields.into_iter().filter(|field| !is_there(field)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
