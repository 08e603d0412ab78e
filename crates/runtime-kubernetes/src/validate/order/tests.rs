use super::*;
use crate::{
    fixtures::{PLAN, plan},
    validate::{Check, Identity, validate},
};

const PROBE: &str = "{exec: {command: [check]}}";

/// The containers, or what is wrong with them. Each is given as its name and the rest of its fields.
fn containers(given: &[(&str, &str)]) -> Result<Vec<ValidContainer>, Vec<String>> {
    let containers: String =
        given.iter().map(|(name, rest)| format!("    {name}: {{image: 'i:1'{rest}}}\n")).collect();
    let plan = plan(&format!("{PLAN}  containers:\n{containers}"));
    validate(Identity::of(&plan).unwrap(), &plan).map(|valid| valid.containers)
}

fn names(given: &[(&str, &str)]) -> Vec<String> {
    containers(given).unwrap().into_iter().map(|container| container.name).collect()
}

fn turn_of(name: &str, given: &[(&str, &str)]) -> Turn {
    containers(given).unwrap().into_iter().find(|it| it.name == name).unwrap().turn
}

#[test]
fn containers_without_order_stand_by_name() {
    assert_eq!(names(&[("web", ""), ("app", ""), ("log", "")]), ["app", "log", "web"]);
}

#[test]
fn whatever_runs_before_others_comes_first_and_after_what_it_waits_for() {
    let given = [
        ("app", ""),
        ("migrate", ", before: {app: {ready: complete}}"),
        ("aa-proxy", ", before: {migrate: {ready: started}, app: {ready: started}}"),
        ("zz-setup", ", before: {aa-proxy: {ready: complete}}"),
        ("bystander", ""),
    ];
    assert_eq!(names(&given), ["zz-setup", "aa-proxy", "migrate", "app", "bystander"]);
}

#[test]
fn what_waits_and_is_before_nobody_is_an_ordinary_container() {
    let given = [("bb", ", before: {aa: {ready: started}}"), ("aa", "")];
    assert_eq!(turn_of("aa", &given), Turn::Last);
    assert_eq!(turn_of("bb", &given), Turn::Starts);
}

#[test]
fn the_strictest_condition_decides() {
    let with = |before: &str| {
        [("app", ""), ("log", ""), ("aa", before)].map(|(name, rest)| (name.to_owned(), rest.to_owned()))
    };
    let turn = |before: &str| {
        let given = with(before);
        let given: Vec<_> = given.iter().map(|(name, rest)| (name.as_str(), rest.as_str())).collect();
        turn_of("aa", &given)
    };
    assert_eq!(turn(", before: {app: {ready: complete}, log: {ready: started}}"), Turn::Completes);
    let check = Check::Exec(vec!["check".into()]);
    let probe = ValidProbe { check, timing: Timing::default() };
    let gate = |field| Gate { field, probe: probe.clone() };
    let healthy = ", before: {app: {ready: healthy}, log: {ready: started}}";
    assert_eq!(turn(&format!("{healthy}, livenessProbe: {PROBE}")), Turn::Passes(gate("livenessProbe")));
    let other = "{exec: {command: [other]}}";
    assert_eq!(
        turn(&format!("{healthy}, livenessProbe: {other}, readinessProbe: {PROBE}")),
        Turn::Passes(gate("readinessProbe"))
    );
}

#[test]
fn what_cannot_be_waited_for_is_refused_with_its_field() {
    for (rest, expected) in [
        (", before: {app: {ready: healthy}}".to_owned(), "spec.containers.aa.before: others wait until"),
        (
            format!(", before: {{app: {{ready: complete}}}}, readinessProbe: {PROBE}"),
            "spec.containers.aa.readinessProbe: ",
        ),
        (
            format!(", before: {{app: {{ready: complete}}}}, livenessProbe: {PROBE}"),
            "spec.containers.aa.livenessProbe: ",
        ),
        (
            ", before: {app: {ready: complete}, log: {ready: healthy}}".to_owned(),
            "spec.containers.aa.before: the container cannot be both",
        ),
        (", before: {nobody: {ready: started}}".to_owned(), "spec.containers.aa.before.nobody: there is no"),
        (", before: {aa: {ready: started}}".to_owned(), "spec.containers: containers wait for each other"),
    ] {
        let problems = containers(&[("app", ""), ("log", ""), ("aa", &rest)]).unwrap_err();
        assert!(problems.len() == 1 && problems[0].starts_with(expected), "{expected}: {problems:?}");
    }
}
