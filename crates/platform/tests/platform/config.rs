//! Reading the configuration.

use platform::config::{BUILTIN, Config};

use crate::support::{fixture, full};

#[test]
fn a_configuration_with_everything_is_read() {
    let config = full();
    assert_eq!((config.name.as_str(), config.version.as_deref()), ("everything", Some("1.2.3")));
    let backends = config.profiles["web-service"].backends.iter().map(|backend| backend.id.as_str());
    assert_eq!(backends.collect::<Vec<_>>(), ["internal", "small", "small-next", "large"]);
    assert_eq!(config.provisioners.len(), 4);
    assert_eq!(config.defaults.selectors.len(), 2);
}

#[test]
fn every_error_is_told_at_once_with_its_field_and_line() {
    let errors = fixture("broken.yaml").parse::<Config>().unwrap_err();
    let told: Vec<_> = errors.0.iter().map(ToString::to_string).collect();
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/platform/fixtures/broken.errors");
        std::fs::write(path, told.join("\n") + "\n").unwrap();
    }
    assert_eq!(told, fixture("broken.errors").lines().collect::<Vec<_>>());
}

fn told(text: &str) -> Vec<String> {
    text.parse::<Config>().unwrap_err().0.iter().map(ToString::to_string).collect()
}

fn with_provisioners(provisioners: &str) -> String {
    BUILTIN.split("  provisioners:").next().unwrap().to_owned() + "  provisioners:\n" + provisioners
}

#[test]
fn what_is_no_configuration_is_refused() {
    for (text, words) in [
        ("", "line 1: document: is empty"),
        ("[]", "must be a map"),
        ("a: 1\n---\nb: 2\n", "line 3: document: holds more than one document"),
        ("a: [\n", "document: "),
        ("kind: OrchestratorConfig", "apiVersion: is missing"),
    ] {
        assert!(told(text)[0].contains(words), "{:?}", told(text));
    }
}

#[test]
fn provisioners_that_match_one_resource_equally_well_are_refused() {
    for (one, other) in [
        ("", ""),
        ("selector: {class: large}", "selector: {class: large}"),
        ("selector: {params: {a: 1}}", "selector: {params: {b: 2}}"),
        ("selector: {params: {a: 1}}", "selector: {params: {a: 1}}"),
        ("classes: [{name: small}, {name: large}]", "classes: [{name: large}]"),
        ("classes: [{name: small}]\n      defaults: {class: small}", ""),
    ] {
        let text = with_provisioners(&format!(
            "    - type: postgres\n      provisioner: a\n      {one}\n    - type: postgres\n      provisioner: b\n      {other}\n"
        ));
        let told = told(&text);
        assert!(told[0].contains("exactly as well as spec.provisioners[0]"), "{told:?}");
        assert_eq!(told.len(), 1, "{told:?}");
    }
}

#[test]
fn provisioners_that_can_be_told_apart_are_accepted() {
    for (one, other) in [
        ("selector: {class: large}", ""),
        ("selector: {class: large}", "selector: {class: small}"),
        ("selector: {id: one}", "selector: {id: two}"),
        ("selector: {params: {a: 1}}", "selector: {params: {a: 2}}"),
        ("selector: {params: {a: 1}}", "selector: {params: {a: 1, b: 2}}"),
        ("selector: {id: one}", "selector: {params: {a: 1}}"),
        ("classes: [{name: small}]", "classes: [{name: large}]"),
    ] {
        let text = with_provisioners(&format!(
            "    - type: postgres\n      provisioner: a\n      {one}\n    - type: postgres\n      provisioner: b\n      {other}\n"
        ));
        assert!(text.parse::<Config>().is_ok(), "{:?}", told(&text));
    }
}

#[test]
fn the_only_profile_is_the_default_where_none_is_named() {
    let text = BUILTIN.split("  defaults:").next().unwrap();
    assert_eq!(text.parse::<Config>().unwrap().defaults.profile.as_str(), "web-service");
    let two = text.replace("  provisioners:", "    - name: other\n      backends: [{backendId: o, runtimeClass: r, template: {kind: manifests}}]\n  provisioners:");
    assert!(told(&two)[0].contains("spec.defaults: must name the profile"), "{:?}", told(&two));
}

#[test]
fn a_declared_type_that_could_not_be_provided_is_refused_with_what_to_correct() {
    let declared = |rest: &str| {
        with_provisioners(&format!("    - type: cache\n      provisioner: provisioner-template\n{rest}"))
    };
    for (rest, words) in [
        ("      config: {helm: {}}\n", "class `default` is wrong: helm: missing field `chart`"),
        ("      config: {outputs: {host: {value: '1 +'}}}\n", "outputs.host.value: is not a CEL expression"),
        (
            "      outputs: {properties: {host: {}}}\n      config: {values: {a: 1}}\n",
            "outputs.host: is missing",
        ),
        (
            "      outputs: {properties: {}}\n      config: {outputs: {hots: {value: '1'}}}\n",
            "outputs.hots: no Workload could use it",
        ),
        (
            "      classes: [{name: large, parameters: {readyWhen: 7}}]\n",
            "class `large` is wrong: readyWhen:",
        ),
    ] {
        let errors = told(&declared(rest));
        assert!(errors[0].contains(words) && errors.len() == 1, "{errors:?}");
    }
    assert!(declared("      config: {outputs: {host: {value: '1'}}}\n").parse::<Config>().is_ok());
}
