//! What a Workload, or a careless platform, could try. Each is refused, or stands where it was put as the text that it
//! is.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests too")]

use api_types::ResourceClaim;
use resource_template::{Declaration, Live, Part, Problem, Rendered, Scope, Step, check};
use serde_json::{Value, json};
use workload_gen::hostile_texts;

/// A type that puts a param wherever one can be put.
const TRUSTING: &str = r#"
values: {}
vars: {text: "string(params.text)"}
manifests:
  - apiVersion: v1
    kind: ConfigMap
    metadata: {name: it, labels: {text: "{{ params.text }}"}, annotations: {text: "a {{ params.text }} b"}}
    data: {alone: "{{ params.text }}", inside: "a {{ params.text }} b", computed: "{{ vars.text }}"}
  - apiVersion: v1
    kind: Secret
    metadata: {name: secret}
    stringData: {text: "{{ params.text }}", both: "{{ params.text }}:{{ generated('password') }}"}
outputs:
  value: {value: params.text}
  inside: {value: "'a ' + params.text + ' b'"}
"#;

fn declaration(text: &str) -> Result<Declaration, Vec<Problem>> {
    let Value::Object(parameters) = serde_yaml_ng::from_str(text).unwrap() else { panic!("no map: {text}") };
    Declaration::read(&parameters)
}

fn claim(params: &Value) -> ResourceClaim {
    serde_json::from_value(json!({
        "metadata": {"namespace": "team", "name": "shop-it", "uid": "claim-uid"},
        "spec": {
            "workloadRef": {"name": "shop", "uid": "w"}, "key": "it", "type": "any", "class": "default",
            "id": "an-id", "provisioner": "p", "deprovisionPolicy": "Delete", "params": params,
        },
    }))
    .unwrap()
}

fn rendered(text: &str, params: &Value) -> Result<Rendered, String> {
    let declaration = declaration(text).unwrap_or_else(|problems| panic!("{problems:?}"));
    let inputs = declaration.inputs(&claim(params)).map_err(|why| why.to_string())?;
    declaration.render(&inputs).map_err(|why| why.to_string())
}

#[test]
fn what_a_workload_writes_stands_where_it_was_put_as_it_was_written() {
    for text in hostile_texts() {
        let rendered = rendered(TRUSTING, &json!({"text": text})).unwrap();
        let [map, secret] = rendered.manifests.as_slice() else { panic!("{text}: {rendered:?}") };
        let inside = format!("a {text} b");
        assert_eq!(json!(map.fields), json!({"data": {"alone": text, "inside": inside, "computed": text}}));
        assert_eq!((&map.labels["text"], &map.annotations["text"]), (&text, &inside));
        let alone: Vec<_> =
            Some(text.clone()).filter(|text| !text.is_empty()).map(Part::Text).into_iter().collect();
        assert_eq!(secret.secret["text"], alone);
        assert_eq!(secret.secret["both"][0], Part::Text(format!("{text}:")));
        assert_eq!(secret.secret["both"].len(), 2);
        let inputs = declaration(TRUSTING).unwrap().inputs(&claim(&json!({"text": text}))).unwrap();
        let outputs = declaration(TRUSTING).unwrap().outputs(&Scope::of(&inputs, &Live::default())).unwrap();
        assert_eq!(json!(outputs.values), json!({"value": text, "inside": inside}));
        assert!(outputs.secrets.is_empty());
    }
}

/// Whether Kubernetes takes `text` as the name of an object.
fn is_name(text: &str) -> bool {
    let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_label = |label: &str| {
        label.starts_with(is_end) && label.ends_with(is_end) && label.chars().all(|c| is_end(c) || c == '-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

#[test]
fn what_is_no_name_is_no_name_of_an_object() {
    let named = "manifests: [{apiVersion: v1, kind: ConfigMap, metadata: {name: '{{ params.text }}'}}]";
    let read = "reads: {x: {apiVersion: v1, kind: Service, name: '{{ params.text }}'}}";
    let output = "outputs: {x: {secretKeyRef: {name: params.text, key: k}}}";
    let more = ["A", "a b", "a/b", "a\n", "-a", "a..b", "é"].map(str::to_owned);
    // Some of what means something elsewhere is a name like any other.
    let texts = hostile_texts().into_iter().chain(more);
    let (names, texts): (Vec<_>, Vec<_>) = texts.partition(|text| is_name(text));
    assert!(names.iter().all(|name| rendered(named, &json!({"text": name})).is_ok()), "{names:?}");
    for text in texts {
        let params = json!({"text": text});
        assert!(rendered(named, &params).unwrap_err().contains("is not a name"), "{text}");
        assert!(rendered(read, &params).unwrap_err().contains("is not a name"), "{text}");
        let declaration = declaration(output).unwrap();
        let inputs = declaration.inputs(&claim(&params)).unwrap();
        let error = declaration.outputs(&Scope::of(&inputs, &Live::default())).unwrap_err();
        assert!(error.message.contains("is not a name"), "{text}: {error}");
    }
}

#[test]
fn a_declaration_of_any_text_is_refused_with_the_place_or_does_what_it_says() {
    for text in hostile_texts() {
        for (path, parameters) in [
            ("readyWhen", json!({"readyWhen": text})),
            ("vars.x", json!({"vars": {"x": text}})),
            ("outputs.x.value", json!({"outputs": {"x": {"value": text}}})),
            (
                "manifests[0]",
                json!({"manifests": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": text}}]}),
            ),
            (
                "manifests[0]",
                json!({"manifests": [{"apiVersion": text, "kind": text, "metadata": {"name": "x"}}]}),
            ),
            ("manifests", json!({"manifests": text})),
        ] {
            let problems = check(parameters.as_object().unwrap());
            assert!(problems.iter().all(|problem| problem.path.starts_with(path)), "{text}: {problems:?}");
        }
    }
}

#[test]
fn what_is_no_text_is_not_put_into_one() {
    let inside = "manifests: [{apiVersion: v1, kind: ConfigMap, metadata: {name: it}, data: {x: 'a {{ params.text }}'}}]";
    for value in [json!(null), json!([1]), json!({"a": 1})] {
        assert!(rendered(inside, &json!({"text": value})).is_err(), "{value}");
    }
    for params in [json!({"text": {"a": 1}}), json!({"text": ["x"]})] {
        assert!(rendered(TRUSTING, &params).is_err(), "{params}");
    }
}

#[test]
fn a_workload_cannot_name_secrets() {
    let reference = json!({"secretKeyRef": {"name": "other", "key": "password"}});
    for params in [
        json!({"text": reference}),
        json!({"text": {"deep": [1, reference]}}),
        json!({"text": [reference, {"value": "x"}, 1]}),
        json!({"secretKeyRef": {}, "text": "x"}),
    ] {
        assert!(rendered(TRUSTING, &params).unwrap_err().contains("secretKeyRef"), "{params}");
    }
}

/// A param that another resource's secret output is in.
fn secret() -> Value {
    json!({"text": [{"secretKeyRef": {"name": "db", "key": "password"}}]})
}

#[test]
fn a_secret_goes_into_a_secret_or_where_kubernetes_takes_its_reference() {
    let of = |field: &str| {
        rendered(
            &format!("manifests: [{{apiVersion: v1, kind: Secret, metadata: {{name: s}}, {field}}}]"),
            &secret(),
        )
    };
    let copied = Part::Copied(serde_json::from_value(json!({"name": "db", "key": "password"})).unwrap());
    for text in ["stringData: {x: '{{ params.text }}'}", "stringData: {x: \"{{ '' ~ params.text }}\"}"] {
        assert_eq!(of(text).unwrap().manifests[0].secret["x"], std::slice::from_ref(&copied), "{text}");
    }
    let env = "manifests: [{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {valueFrom: '{{ params.text }}'}}]";
    let expected = json!({"spec": {"valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}});
    assert_eq!(json!(rendered(env, &secret()).unwrap().manifests[0].fields), expected);
}

#[test]
fn a_secret_in_a_text_is_refused_everywhere_else() {
    for (kind, body) in [
        ("ConfigMap", "data: {x: 'a {{ params.text }}'}"),
        ("ConfigMap", "data: {x: \"{{ generated('password') }}\"}"),
        ("ConfigMap", "data: {\"x\": [[{y: \"{{ generated('password') }}\"}]]}"),
        ("Secret", "data: {x: \"{{ generated('password') }}\"}"),
        ("Secret", "type: \"{{ generated('password') }}\""),
        ("Secret", "stringData: {x: \"{{ generated('password') | upper }}\"}"),
        ("Secret", "stringData: {x: \"{{ (generated('password') ~ '')[:50] }}\"}"),
        ("Secret", "stringData: {x: \"{{ generated('password') | replace(':password', 'x') }}\"}"),
        ("Secret", "stringData: {x: {secretKeyRef: {name: other, key: k}}}"),
        ("Secret", "stringData: {x: [a]}"),
    ] {
        let text = format!("manifests: [{{apiVersion: v1, kind: {kind}, metadata: {{name: it}}, {body}}}]");
        match rendered(&text, &secret()) {
            Err(error) => assert!(!error.contains("score-hidden"), "{body}: {error}"),
            Ok(rendered) => panic!("{body}: {rendered:?}"),
        }
    }
    for metadata in ["labels", "annotations"] {
        let text = format!(
            "manifests: [{{apiVersion: v1, kind: Secret, metadata: {{name: it, {metadata}: {{x: \"{{{{ generated('p') }}}}\"}}}}}}]"
        );
        assert!(rendered(&text, &secret()).unwrap_err().contains("stringData"), "{metadata}");
    }
}

#[test]
fn no_output_that_is_no_secret_holds_one() {
    for (output, words) in [
        ("value: params.text", "secretKeyRef"),
        ("value: {deep: [params.text]}", "secretKeyRef"),
        ("value: 'objects.secret.data.x'", "No such key"),
    ] {
        let declaration = declaration(&format!("outputs: {{x: {{{output}}}}}")).unwrap();
        let inputs = declaration.inputs(&claim(&secret())).unwrap();
        let object = json!({"kind": "Secret", "metadata": {"name": "s"}, "data": {"x": "c2VjcmV0"}});
        let seen = resource_template::visible(&"v1/Secret".parse().unwrap(), object);
        let live = Live { objects: [("secret".to_owned(), seen)].into(), ..Live::default() };
        let error = declaration.outputs(&Scope::of(&inputs, &live)).unwrap_err();
        assert!(error.message.contains(words), "{output}: {error}");
    }
}

/// A declaration of an API, with one field more or another one.
fn api(field: &str) -> String {
    let mut api: Value = json!({
        "url": "https://api.example.com", "create": {}, "read": {"path": "/{{ remote.id }}"},
        "delete": {"path": "/{{ remote.id }}"},
    });
    let Value::Object(field) = serde_yaml_ng::from_str(field).unwrap() else { panic!("{field}") };
    api.as_object_mut().unwrap().extend(field);
    serde_yaml_ng::to_string(&json!({"externalApi": api})).unwrap()
}

#[test]
fn a_declaration_that_goes_too_far_is_refused_with_the_place() {
    let object = |fields: &str| format!("manifests: [{{apiVersion: v1, kind: ConfigMap, {fields}}}]");
    for (text, path, words) in [
        ("manifest: []".to_owned(), "the declaration", "unknown field"),
        ("manifests: 7".to_owned(), "manifests", "list of objects"),
        ("manifests: ['a']".to_owned(), "manifests[0]", "must be an object"),
        ("manifests: 'name: {{ x }}'".to_owned(), "manifests", "quotes"),
        ("manifests: [{kind: ConfigMap}]".to_owned(), "manifests[0]", "apiVersion"),
        ("manifests: [{apiVersion: v1, kind: '{{ params.kind }}'}]".to_owned(), "manifests[0]", "template"),
        (
            "manifests: [{apiVersion: score.dev/v1b1, kind: Workload}]".to_owned(),
            "manifests[0]",
            "controllers of Score",
        ),
        (
            "manifests: [{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding}]".to_owned(),
            "manifests[0]",
            "rights",
        ),
        (object("metadata: {name: '{{ x'}"), "manifests[0]", "syntax error"),
        (object("metadata: {name: a, annotations: {score.dev/id: 'a-b'}}"), "manifests[0]", "an id is"),
        (
            object("metadata: {name: a, annotations: {score.dev/when: '1 +'}}"),
            "manifests[0]",
            "not a CEL expression",
        ),
        (
            object("metadata: {name: a}}, {apiVersion: v1, kind: ConfigMap, metadata: {name: b}"),
            "manifests[1]",
            "second",
        ),
        ("readyWhen: '1 +'".to_owned(), "readyWhen", "not a CEL expression"),
        ("readyWhen: [{when: 'true', message: m, x: 1}]".to_owned(), "readyWhen[0]", "unknown field"),
        ("readyWhen: 7".to_owned(), "readyWhen", "expression"),
        ("outputs: {x: {value: ')'}}".to_owned(), "outputs.x.value", "not a CEL expression"),
        ("outputs: {x: {value: {a: ['(']}}}".to_owned(), "outputs.x.value.a[0]", "not a CEL expression"),
        ("outputs: {x: {}}".to_owned(), "outputs.x", "one of"),
        ("outputs: {x: {value: '1', secretKeyRef: {name: '1', key: k}}}".to_owned(), "outputs.x", "one of"),
        (
            "outputs: {x: {secretKeyRef: {name: '1', key: a/b}}}".to_owned(),
            "outputs.x.secretKeyRef.key",
            "key",
        ),
        ("outputs: {'a.b': {value: '1'}}".to_owned(), "outputs.a.b", "name of an output"),
        ("reads: {x: {apiVersion: v1, kind: Secret, name: other}}".to_owned(), "reads.x", "secrets"),
        (
            "reads: {x: {apiVersion: score.dev/v1b1, kind: ResourceClaim, name: other}}".to_owned(),
            "reads.x",
            "controllers of Score",
        ),
        ("reads: {'x y': {apiVersion: v1, kind: Service, name: other}}".to_owned(), "reads.x y", "an id is"),
        ("vars: {x: '('}".to_owned(), "vars.x", "not a CEL expression"),
        ("require: [{when: 1}]".to_owned(), "require[0].when", "expression"),
    ] {
        assert_refused(&text, path, words);
    }
}

#[test]
fn a_declaration_of_an_api_that_goes_too_far_is_refused_with_the_place() {
    assert_eq!(
        check(serde_yaml_ng::from_str::<Value>(&api("timeoutSeconds: 5")).unwrap().as_object().unwrap()),
        []
    );
    for (text, path, words) in [
        ("externalApi: {}".to_owned(), "externalApi", "missing field `url`"),
        ("externalApi: 7".to_owned(), "externalApi", "invalid type"),
        (api("url: 'http://api.example.com'"), "externalApi.url", "plainHttp"),
        (api("url: 'https://{{ params.host }}/'"), "externalApi.url", "cannot be a template"),
        (api("url: 'https://user:pass@api.example.com'"), "externalApi.url", "secretRef"),
        (api("url: 'file:///etc/passwd'"), "externalApi.url", "https://"),
        (api("timeoutSeconds: 0"), "externalApi.timeoutSeconds", "1 to 60"),
        (api("secretRef: {name: ../other}"), "externalApi.secretRef.name", "not a name"),
        (api("secretRef: {name: a, key: b}"), "externalApi.secretRef", "no key"),
        (api("secretRef: {name: a, namespace: kube-system}"), "externalApi", "unknown field"),
        (api("caSecretRef: {name: a, key: a/b}"), "externalApi.caSecretRef.key", "key"),
        (api("headers: {Host: other}"), "externalApi.headers.Host", "cannot be set"),
        (api("headers: {Idempotency-Key: mine}"), "externalApi.headers.Idempotency-Key", "cannot be set"),
        (api("headers: {'a b': c}"), "externalApi.headers.a b", "cannot be set"),
        (api("headers: {a: '{{ x'}"), "externalApi.headers.a", "syntax error"),
        (api("create: {method: BREW}"), "externalApi.create.method", "GET, POST"),
        (api("create: {path: buckets}"), "externalApi.create.path", "slash"),
        (api("create: {path: '/a?b=c'}"), "externalApi.create.path", "`query`"),
        (api("create: {path: '/{{ x'}"), "externalApi.create.path", "syntax error"),
        (api("create: {query: {a: '{{ x'}}"), "externalApi.create.query.a", "syntax error"),
        (api("create: {body: {a: ['{{ x']}}"), "externalApi.create.body", "/a/0"),
        (api("create: {url: 'https://other.example.com'}"), "externalApi.create", "unknown field"),
        (api("delete: null"), "externalApi.delete", "is missing"),
        (api("update: {method: BREW}"), "externalApi.update.method", "GET, POST"),
        (api("update: {path: '/a#b'}"), "externalApi.update.path", "`query`"),
        (api("update: {body: ['{{ x']}"), "externalApi.update.body", "/0"),
        (
            api("{create: {body: '{{ params }}'}, update: {body: '{{ params.a }}'}}"),
            "externalApi.update",
            "parts of `params`",
        ),
        (api("id: 'answer.'"), "externalApi.id", "not a CEL expression"),
        (api("failedWhen: '('"), "externalApi.failedWhen", "not a CEL expression"),
        (
            format!(
                "{}\nmanifests: [{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a}}}}]",
                api("timeoutSeconds: 5")
            ),
            "externalApi",
            "cannot be combined",
        ),
        (
            format!("{}\noutputs: {{x: {{secretKeyRef: {{name: '1', key: k}}}}}}", api("timeoutSeconds: 5")),
            "outputs.x",
            "`secret`",
        ),
        (
            format!("{}\noutputs: {{x: {{secret: password}}}}", api("timeoutSeconds: 5")),
            "outputs.x.secret",
            "pointer",
        ),
        (
            format!("{}\noutputs: {{x: {{secret: /a~2}}}}", api("timeoutSeconds: 5")),
            "outputs.x.secret",
            "pointer",
        ),
        ("outputs: {x: {secret: /password}}".to_owned(), "outputs.x", "secretKeyRef"),
        ("outputs: {x: {secret: /password, from: read}}".to_owned(), "outputs.x", "unknown variant `read`"),
        ("outputs: {x: {value: '1', from: create}}".to_owned(), "outputs.x.from", "`secret` only"),
    ] {
        assert_refused(&text, path, words);
    }
}

fn assert_refused(text: &str, path: &str, words: &str) {
    let Value::Object(parameters) = serde_yaml_ng::from_str(text).unwrap() else { panic!("{text}") };
    let problems = check(&parameters);
    let found = problems.iter().any(|problem| problem.path == path && problem.message.contains(words));
    assert!(found, "{text}: {problems:?}");
}

#[test]
fn an_object_that_claims_what_is_not_its_own_is_refused() {
    for (fields, words) in [
        ("metadata: {name: it, namespace: kube-system}", "namespace"),
        ("metadata: {name: it, namespace: '{{ params.text }}'}", "namespace"),
        ("metadata: {name: it, ownerReferences: []}", "ownerReferences"),
        ("metadata: {name: it, finalizers: [a]}", "finalizers"),
        ("metadata: {generateName: it}", "generateName"),
        ("metadata: {name: it, uid: u}", "uid"),
        ("metadata: {name: it, labels: {score.dev/workload: x}}", "score.dev/workload"),
        ("metadata: {name: it, annotations: {score.dev/claim: x}}", "score.dev/claim"),
        ("metadata: {name: it, labels: {a: 1}}", "map of texts"),
        ("metadata: {name: 7}", "metadata.name"),
        ("metadata: {}", "metadata.name"),
        ("spec: {}", "metadata.name"),
        ("metadata: {name: it}, status: {}", "status"),
    ] {
        let text = format!("manifests: [{{apiVersion: v1, kind: ConfigMap, {fields}}}]");
        let error = rendered(&text, &json!({"text": "kube-system"})).unwrap_err();
        assert!(error.contains(words), "{fields}: {error}");
    }
    let reserved =
        "manifests: [{apiVersion: v1, kind: Secret, metadata: {name: '{{ claim.name }}-generated'}}]";
    assert!(rendered(reserved, &json!({})).unwrap_err().contains("kept for generated values"));
    let lengths = "manifests: [{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: \
                   {a: \"{{ generated('p', length=20) }}\", b: \"{{ generated('p', length=30) }}\"}}]";
    assert!(rendered(lengths, &json!({})).unwrap_err().contains("two lengths"));
    let twice = "manifests: [{apiVersion: v1, kind: Service, metadata: {name: s}}, {apiVersion: v1, kind: Service, \
                 metadata: {name: '{{ \"s\" }}', annotations: {score.dev/id: other}}}]";
    assert!(rendered(twice, &json!({})).unwrap_err().contains("twice"));
    let versions = "manifests: [{apiVersion: x.com/v1, kind: Db, metadata: {name: s}}, {apiVersion: x.com/v2, kind: Db, \
                    metadata: {name: s, annotations: {score.dev/id: other}}}]";
    assert!(rendered(versions, &json!({})).unwrap_err().contains("twice"));
    let large = "manifests: [{apiVersion: v1, kind: ConfigMap, metadata: {name: s}, data: {a: '{{ \"x\" * 300000 }}'}}]";
    assert!(rendered(large, &json!({})).unwrap_err().contains("too large"));
}

#[test]
fn manifests_may_be_a_text_of_documents_that_is_read_before_it_is_filled_in() {
    let text = "manifests: |\n  apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n  data: {x: '{{ params.text }}'}\n  \
                ---\n  apiVersion: v1\n  kind: Service\n  metadata:\n    name: b\n    annotations: {score.dev/when: params.text == 'no'}\n";
    let rendered = rendered(text, &json!({"text": "\n---\nkind: Secret"})).unwrap();
    let [map] = rendered.manifests.as_slice() else { panic!("{rendered:?}") };
    assert_eq!(json!(map.fields), json!({"data": {"x": "\n---\nkind: Secret"}}));
}

#[test]
fn no_secret_stands_in_an_address_and_no_credential_in_an_object() {
    let request = |fields: &str| {
        let declaration = declaration(&api(fields)).unwrap_or_else(|problems| panic!("{problems:?}"));
        let inputs = declaration.inputs(&claim(&secret())).unwrap();
        declaration.external_api().unwrap().request(&Step::Create, &inputs)
    };
    for (fields, words) in [
        ("create: {path: '/{{ params.text }}'}", "a secret cannot stand in an address"),
        ("create: {path: \"/{{ generated('p') }}\"}", "a secret cannot stand in an address"),
        ("create: {path: \"/{{ credential('p') }}\"}", "unknown function"),
        ("create: {query: {a: '{{ params.text }}'}}", "a secret cannot stand in an address"),
        ("create: {query: {a: \"{{ credential('p') }}\"}}", "a secret cannot stand in an address"),
        ("create: {body: {a: \"{{ credential('p') | upper }}\"}}", "changes a secret"),
        ("create: {body: {a: \"{{ credential('a/b') }}\"}}", "invalid operation"),
        ("create: {body: {a: \"{{ generated('a.b') }}\"}}", "a dot in its name"),
        ("create: {headers: {a: \"{{ generated('p') | upper }}\"}}", "changes a secret"),
        ("create: {path: '/{{ remote.id }}'}", "undefined"),
        ("create: {path: '/{{ params }}'}", "only a text or a number"),
    ] {
        let error = request(fields).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("score-hidden"), "{fields}: {error}");
    }
    let sent =
        request("create: {headers: {a: \"x {{ credential('token') }}\"}, body: ['{{ params.text }}']}")
            .unwrap();
    assert!(!format!("{sent:?}").contains("score-hidden"), "{sent:?}");
    let object = "manifests: [{apiVersion: v1, kind: Secret, metadata: {name: it}, stringData: {a: \"{{ credential('token') }}\"}}]";
    assert!(rendered(object, &json!({})).unwrap_err().contains("unknown function"));
}

#[test]
fn an_id_is_a_text_or_a_number_and_no_more() {
    let declaration = declaration(&api("id: answer.it")).unwrap();
    let inputs = declaration.inputs(&claim(&json!({}))).unwrap();
    let id = |it: Value| declaration.external_api().unwrap().id(&inputs, json!({"it": it}));
    assert_eq!((id(json!("b-1")).unwrap(), id(json!(7)).unwrap()), ("b-1".to_owned(), "7".to_owned()));
    let long = "x".repeat(513);
    for it in
        [json!(null), json!(""), json!(1.5), json!({}), json!(["a"]), json!("a\nb"), json!(true), json!(long)]
    {
        assert!(id(it.clone()).is_err(), "{it}");
    }
}

#[test]
fn what_an_api_answers_is_data_wherever_it_goes() {
    let update = "update: {path: '/{{ remote.id }}', body: ['{{ remote.id }}']}";
    let outputs = "outputs: {name: {value: answer.name}, secret: {secret: /secret}}";
    let declaration = declaration(&format!("{}\n{outputs}", api(update))).unwrap();
    let inputs = declaration.inputs(&claim(&json!({}))).unwrap();
    let api = declaration.external_api().unwrap();
    let mut asked = 0;
    for text in hostile_texts() {
        let mut answer = json!({"id": text, "name": text, "secret": text});
        let secret = declaration.take_secrets(&mut answer).remove("secret");
        assert_eq!(secret, Some(text.clone()).filter(|text| !text.is_empty()));
        let scope = Scope::of(&inputs, &Live { answer: Some(answer.clone()), ..Live::default() });
        assert_eq!(declaration.outputs(&scope).unwrap().values["name"], text);
        let Ok(id) = api.id(&inputs, answer) else { continue };
        for step in [Step::Read(id.clone()), Step::Update(id.clone()), Step::Delete(id.clone())] {
            // What would be another place is refused.
            let Ok(request) = api.request(&step, &inputs) else { continue };
            let place = request.asked.url.strip_prefix("https://api.example.com/").unwrap();
            assert!(!place.contains(['/', '\\', '?', '#']) && !place.starts_with("%2e"), "{text}: {place}");
            asked += 1;
        }
    }
    assert!(asked >= 60, "{asked} requests");
}

#[test]
fn a_secret_is_kept_as_it_was_shown_first_where_the_declaration_says_so() {
    let outputs = "outputs: {a: {secret: /a, from: create}, b: {secret: /b}, c: {value: answer.c}}";
    let declaration = declaration(&format!("{}\n{outputs}", api("timeoutSeconds: 5"))).unwrap();
    assert_eq!(["a", "b", "c", "d"].map(|name| declaration.keeps_first(name)), [true, false, false, false]);
}

#[test]
fn the_secrets_of_an_answer_are_taken_out_of_it() {
    let text = format!(
        "{}\noutputs: {{a: {{secret: /deep/0/password}}, b: {{secret: /deep}}, c: {{secret: /none}}, d: {{secret: /number}}}}",
        api("timeoutSeconds: 5")
    );
    let declaration = declaration(&text).unwrap();
    let mut answer = json!({"deep": [{"password": "pa55"}], "number": 7, "name": "it"});
    let secrets = declaration.take_secrets(&mut answer);
    assert_eq!(answer, json!({"deep": null, "number": null, "name": "it"}));
    assert_eq!(json!(secrets), json!({"a": "pa55", "b": "[{\"password\":\"pa55\"}]", "d": "7"}));
}
