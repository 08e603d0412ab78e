use super::*;
use crate::{
    fixtures::{PLAN, parse, plan},
    validate::{Identity, validate},
};

fn valid(mounts: &str) -> ValidPlan {
    let plan = plan(&format!("{PLAN}  containers:\n    web:\n      image: web:1\n{mounts}"));
    validate(Identity::of(&plan).unwrap(), &plan).unwrap()
}

fn pod(ready: &str, host: &str, state: &str) -> Pod {
    parse(&format!(
        "metadata: {{name: hello-1}}\nstatus: {{conditions: [{{type: {CONDITION}, status: '{ready}'}}]{host}, \
         containerStatuses: [{{name: web, image: '', imageID: '', ready: false, restartCount: 0, state: {state}}}]}}\n"
    ))
}

const OUTPUT: &str = "      files: {/a: {content: [{secretKeyRef: {name: a, key: b}}]}}\n";
const VOLUME: &str = "      volumes: {/data: {claim: data, outputs: {source: {emptyDir: {}}}}}\n";
const PLACED: &str = ", hostIP: 10.0.0.1";
const CREATING: &str = "{waiting: {reason: ContainerCreating}}";

#[test]
fn an_instance_that_waits_for_what_it_mounts_is_told_with_the_fields() {
    let hint = |mounts: &str| hint(&valid(mounts), &pod("False", PLACED, CREATING));
    assert!(hint(OUTPUT).unwrap().contains("(spec.containers.web.files)"));
    let both = hint(&format!("{OUTPUT}{VOLUME}")).unwrap();
    assert!(both.contains("(spec.containers.web.files, spec.containers.web.volumes)"), "{both}");
    assert_eq!(hint("      files: {/a: {content: text}}\n"), None, "the runtime's own files are there");
    assert_eq!(hint(""), None);
}

#[test]
fn an_instance_that_waits_for_something_else_is_not() {
    let plan = valid(OUTPUT);
    for pod in [
        pod("True", PLACED, CREATING),
        pod("False", "", CREATING),
        pod("False", PLACED, "{running: {}}"),
        pod("False", PLACED, "{terminated: {exitCode: 0}}"),
    ] {
        assert_eq!(hint(&plan, &pod), None, "{pod:?}");
    }
}
