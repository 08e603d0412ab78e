use super::*;
use crate::{
    fixtures::{PLAN, plan},
    validate::{Identity, ValidPlan, validate},
};

fn validated(mounts: &str) -> Result<ValidPlan, Vec<String>> {
    let plan = plan(&format!("{PLAN}  containers:\n    web:\n      image: web:1\n{mounts}"));
    validate(Identity::of(&plan).unwrap(), &plan)
}

/// The only file of a container, given in YAML.
fn file(yaml: &str) -> ValidFile {
    validated(&format!("      files: {{/etc/app.conf: {yaml}}}\n")).unwrap().containers[0].files[0].clone()
}

/// What is wrong with the only file.
fn problem(yaml: &str) -> String {
    let problems = validated(&format!("      files: {{/etc/app.conf: {yaml}}}\n")).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].clone()
}

#[test]
fn what_a_file_consists_of_decides_how_it_is_made() {
    let secret = SecretKeyRef { name: "db".into(), key: "uri".into() };
    assert_eq!(file("{content: 'a\n\n$x'}").content, FileContent::Bytes(b"a\n$x".into()));
    assert_eq!(file("{content: ''}").content, FileContent::Bytes(Vec::new()));
    assert_eq!(file("{content: [{value: a}, {value: b}]}").content, FileContent::Bytes(b"ab".into()));
    for base64 in ["/wD/", "\"/w\\r\\nD/\\n\""] {
        let content = file(&format!("{{binaryContent: {base64}}}")).content;
        assert_eq!(content, FileContent::Bytes(vec![0xff, 0, 0xff]), "{base64}");
    }
    assert_eq!(
        file("{content: [{secretKeyRef: {name: db, key: uri}}]}").content,
        FileContent::Secret(secret.clone())
    );
    let joined = file("{content: [{value: 'uri='}, {secretKeyRef: {name: db, key: uri}}], mode: '0640'}");
    let FileContent::Joined { recipe, secrets } = joined.content else { panic!("{joined:?}") };
    assert_eq!(secrets, [secret].into());
    let recipe: Recipe = serde_json::from_str(&recipe).unwrap();
    assert_eq!((recipe.mode, recipe.parts.len()), (0o640, 2));
    assert_eq!(recipe.field, "spec.containers.web.files[\"/etc/app.conf\"]");
}

#[test]
fn the_mode_is_octal_and_has_a_default() {
    assert_eq!(file("{content: x}").mode, 0o644);
    assert_eq!(file("{content: x, mode: '755'}").mode, 0o755);
    assert_eq!(file("{content: x, mode: '0400'}").mode, 0o400);
    for mode in ["8", "rwx", "+644", "1777", "99999999999999999999"] {
        let problem = problem(&format!("{{content: x, mode: '{mode}'}}"));
        assert!(problem.starts_with("spec.containers.web.files[\"/etc/app.conf\"].mode: "), "{problem}");
    }
}

#[test]
fn a_file_that_cannot_be_made_is_told_by_its_path() {
    let path = "spec.containers.web.files[\"/etc/app.conf\"]";
    for yaml in ["{}", "{content: a, binaryContent: YQ==}"] {
        assert!(problem(yaml).starts_with(&format!("{path}: must have exactly one")), "{yaml}");
    }
    assert!(problem("{binaryContent: '!'}").starts_with(&format!("{path}.binaryContent: ")));
    let most = "x".repeat(MAX_FILE);
    assert!(
        matches!(file(&format!("{{content: '{most}'}}")).content, FileContent::Bytes(it) if it.len() == MAX_FILE)
    );
    let too_large = problem(&format!("{{content: '{most}x'}}"));
    assert!(too_large.starts_with(&format!("{path}: the file is too large")), "{too_large}");
    let too_large =
        problem(&format!("{{content: [{{value: '{most}'}}, {{secretKeyRef: {{name: a, key: b}}}}]}}"));
    assert!(too_large.starts_with(&format!("{path}: the file is too large")), "{too_large}");
}

#[test]
fn the_path_is_absolute_and_may_be_spelled_in_several_ways() {
    let targets = |files: &str| {
        let plan = validated(&format!("      files: {files}\n"))?;
        Ok(plan.containers[0].files.iter().map(|file| file.target.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(
        targets("{/etc//b: {content: x}, /etc/./a: {content: x}}"),
        Ok(vec!["/etc/a".into(), "/etc/b".into()])
    );
    let problems: Vec<String> =
        targets("{etc/a: {content: x}, /: {content: x}, /a/../b: {content: x}}").unwrap_err();
    assert_eq!(problems.len(), 3, "{problems:?}");
}

#[test]
fn mounts_that_cannot_stand_together_are_refused_with_both_paths() {
    let volume = |read_only: bool| {
        format!("{{claim: data, outputs: {{source: {{emptyDir: {{}}}}}}, readOnly: {read_only}}}")
    };
    for (mounts, expected) in [
        (
            "      files: {/a: {content: x}, /a/b: {content: x}}\n".to_owned(),
            "files[\"/a/b\"]: the path lies inside of",
        ),
        (
            format!("      files: {{/data/x: {{content: x}}}}\n      volumes: {{/data: {}}}\n", volume(true)),
            "files[\"/data/x\"]: the path lies inside of spec.containers.web.volumes[\"/data\"], which is read-only",
        ),
        (
            format!("      files: {{/data: {{content: x}}}}\n      volumes: {{/data/: {}}}\n", volume(false)),
            "is the same path as",
        ),
        ("      files: {/proc/self: {content: x}}\n".to_owned(), "nothing can be put into /proc"),
        ("      files: {'/a:b': {content: x}}\n".to_owned(), "may not hold a colon"),
    ] {
        let problems = validated(&mounts).unwrap_err();
        assert!(problems.len() == 1 && problems[0].contains(expected), "{expected}: {problems:?}");
    }
    let nested = format!(
        "      files: {{/data/x: {{content: x}}, /data-x: {{content: x}}, /process: {{content: x}}}}\n      volumes: \
         {{/data: {}}}\n",
        volume(false)
    );
    assert!(validated(&nested).is_ok());
}

#[test]
fn a_file_to_be_joined_needs_the_image_that_joins() {
    let joined = "      files: {/etc/a: {content: [{value: x}, {secretKeyRef: {name: a, key: b}}]}}\n";
    let problems = validated(joined).unwrap().with_joiner(None).unwrap_err();
    assert!(problems[0].starts_with("spec.containers.web.files: "), "{problems:?}");
    assert_eq!(
        validated(joined).unwrap().with_joiner(Some("image")).unwrap().joiner.as_deref(),
        Some("image")
    );
    let plain = "      files: {/etc/a: {content: x}}\n";
    assert!(validated(plain).unwrap().with_joiner(None).is_ok());
}
