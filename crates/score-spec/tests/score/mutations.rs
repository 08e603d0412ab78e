//! The schema of Score, one field at a time: a Workload that uses every field, with one value changed or removed.

use api_types::Workload;
use score_spec::validate::{FieldError, validate};
use serde_json::{Value, json};

use crate::support::full;

/// What is expected of a changed Workload.
#[derive(Clone, Copy)]
enum Expect {
    /// It is valid.
    Valid,
    /// It has no such shape: it cannot be read as a Workload, and this is why.
    Shape(&'static str),
    /// It has exactly one error, with this path and these words in its message.
    Error(&'static str, &'static str),
}
use Expect::{Error, Shape, Valid};

type Case = (&'static str, Value, Expect);

/// In place of a value: the field is removed.
fn removed() -> Value {
    json!({ "removed": "field" })
}

fn mutate(pointer: &str, value: &Value) -> Value {
    let mut document = full();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let field = field.replace("~1", "/");
    match document.pointer_mut(parent).unwrap() {
        Value::Object(parent) if *value == removed() => drop(parent.remove(&field)),
        Value::Object(parent) => drop(parent.insert(field, value.clone())),
        Value::Array(list) => list[field.parse::<usize>().unwrap()] = value.clone(),
        other => panic!("{parent} is {other}"),
    }
    document
}

/// What a document is: valid, or the errors of its shape or of its fields.
fn outcome(document: Value) -> Result<(), Result<String, Vec<FieldError>>> {
    let workload: Workload = serde_json::from_value(document).map_err(|error| Ok(error.to_string()))?;
    validate(&workload).map(drop).map_err(Err)
}

fn check(cases: &[Case]) {
    for (pointer, value, expect) in cases {
        let outcome = outcome(mutate(pointer, value));
        let is_expected = match (expect, &outcome) {
            (Valid, Ok(())) => true,
            (Shape(words), Err(Ok(error))) => error.contains(words),
            (Error(path, words), Err(Err(errors))) => {
                matches!(errors.as_slice(), [error] if error.path == *path && error.message.contains(words))
            }
            _ => false,
        };
        assert!(is_expected, "{pointer} = {value}: {outcome:#?}");
    }
}

const NO_NAME: &str = "must be 2 to 63 characters of a-z, 0-9 and -";
const NO_TYPE: &str = "must be 2 to 63 letters, digits and -";

#[test]
fn the_workload_itself_is_valid() {
    assert_eq!(outcome(full()), Ok(()));
}

#[test]
fn the_object_has_a_name_a_namespace_a_uid_and_a_generation() {
    check(&[
        ("/metadata/name", removed(), Error("metadata.name", NO_NAME)),
        ("/metadata/name", json!("a"), Error("metadata.name", NO_NAME)),
        ("/metadata/name", json!("a.b"), Error("metadata.name", NO_NAME)),
        ("/metadata/name", json!("a_b"), Error("metadata.name", NO_NAME)),
        ("/metadata/name", json!("Ab"), Error("metadata.name", NO_NAME)),
        ("/metadata/name", json!("ab-"), Error("metadata.name", NO_NAME)),
        ("/metadata/name", json!("-ab"), Error("metadata.name", NO_NAME)),
        ("/metadata/name", json!("a".repeat(64)), Error("metadata.name", NO_NAME)),
        ("/metadata/name", json!("a".repeat(63)), Valid),
        ("/metadata/name", json!("0a"), Valid),
        ("/metadata/name", json!(1), Shape("expected a string")),
        ("/metadata/namespace", removed(), Error("metadata.namespace", "is missing")),
        ("/metadata/uid", removed(), Error("metadata.uid", "is missing")),
        ("/metadata/uid", json!(""), Error("metadata.uid", "is missing")),
        ("/metadata/generation", removed(), Error("metadata.generation", "is missing")),
        ("/metadata/generation", json!(0), Error("metadata.generation", "is missing")),
        ("/spec/profile", removed(), Valid),
        ("/spec/profile", json!(""), Error("spec.profile", "1 to 63 characters")),
        ("/spec/profile", json!("p".repeat(64)), Error("spec.profile", "1 to 63 characters")),
        ("/spec/metadata/anything", json!({ "at": ["all"] }), Valid),
        ("/spec/metadata", json!("text"), Shape("expected a map")),
        ("/spec", removed(), Shape("missing field `spec`")),
    ]);
}

#[test]
fn service_ports() {
    let port = "/spec/service/ports/0/port";
    check(&[
        ("/spec/service", removed(), Valid),
        ("/spec/service", json!("text"), Shape("invalid type: string")),
        ("/spec/service/ports", json!([]), Valid),
        ("/spec/service/ports", json!(null), Shape("invalid type: null")),
        ("/spec/service/ports/0", json!(null), Shape("invalid type: null")),
        ("/spec/service/ports/0/name", removed(), Valid),
        ("/spec/service/ports/0/name", json!("w"), Error("spec.service.ports[0].name", NO_NAME)),
        ("/spec/service/ports/0/name", json!("WWW"), Error("spec.service.ports[0].name", NO_NAME)),
        (port, removed(), Shape("missing field `port`")),
        (port, json!("80"), Shape("invalid type: string")),
        (port, json!(1.5), Shape("invalid type: floating point")),
        (port, json!(0), Error("spec.service.ports[0].port", "is 0, must be 1 to 65535")),
        (port, json!(-1), Error("spec.service.ports[0].port", "is -1, must be 1 to 65535")),
        (port, json!(65535), Valid),
        (port, json!(65536), Error("spec.service.ports[0].port", "is 65536, must be 1 to 65535")),
        (
            port,
            json!(9090),
            Error("spec.service.ports[1].port", "is the same as that of spec.service.ports[0]"),
        ),
        ("/spec/service/ports/0/targetPort", removed(), Valid),
        ("/spec/service/ports/0/targetPort", json!("8080"), Shape("invalid type: string")),
        (
            "/spec/service/ports/0/targetPort",
            json!(0),
            Error("spec.service.ports[0].targetPort", "1 to 65535"),
        ),
        (
            "/spec/service/ports/0/targetPort",
            json!(70_000),
            Error("spec.service.ports[0].targetPort", "1 to 65535"),
        ),
        ("/spec/service/ports/0/targetPort", json!(9090), Valid),
        ("/spec/service/ports/0/protocol", removed(), Valid),
        ("/spec/service/ports/0/protocol", json!("UDP"), Valid),
        ("/spec/service/ports/0/protocol", json!("tcp"), Shape("unknown variant `tcp`")),
        ("/spec/service/ports/0/protocol", json!("SCTP"), Shape("unknown variant `SCTP`")),
        (
            "/spec/service/ports/1/name",
            json!("www"),
            Error("spec.service.ports[1].name", "is the same as that of"),
        ),
        ("/spec/service/ports/1/name", json!("other"), Valid),
    ]);
}

#[test]
fn containers() {
    let (image, command) = ("/spec/containers/hello/image", "/spec/containers/hello/command");
    let (image_path, variables) = ("spec.containers.hello.image", "/spec/containers/hello/variables");
    check(&[
        ("/spec/containers", removed(), Shape("missing field `containers`")),
        ("/spec/containers", json!(null), Shape("invalid type: null")),
        ("/spec/containers", json!({}), Error("spec.containers", "add at least one container")),
        ("/spec/containers/hello", json!(null), Shape("invalid type: null")),
        ("/spec/containers/Other", json!({ "image": "x:1" }), Error("spec.containers.Other", NO_NAME)),
        ("/spec/containers/o.p", json!({ "image": "x:1" }), Error("spec.containers[\"o.p\"]", NO_NAME)),
        (image, removed(), Shape("missing field `image`")),
        (image, json!(null), Shape("invalid type: null")),
        (image, json!(12), Shape("invalid type: integer")),
        (image, json!(""), Error(image_path, "is empty")),
        (image, json!("."), Error(image_path, "build and push the image")),
        (image, json!("ng inx"), Error(image_path, "white space")),
        (image, json!("nginx\n"), Error(image_path, "white space")),
        (image, json!("n".repeat(1025)), Error(image_path, "1024 characters")),
        (image, json!("registry:5000/a/b@sha256:0123"), Valid),
        (command, removed(), Valid),
        (command, json!([]), Valid),
        (command, json!("text"), Shape("expected a sequence")),
        (command, json!([1]), Shape("expected a string")),
        (command, json!(["a", "b\0"]), Error("spec.containers.hello.command[1]", "NUL")),
        ("/spec/containers/hello/args", removed(), Valid),
        ("/spec/containers/hello/args", json!([]), Valid),
        ("/spec/containers/hello/args", json!(null), Shape("invalid type: null")),
        ("/spec/containers/hello/args", json!(["\0"]), Error("spec.containers.hello.args[0]", "NUL")),
        (
            "/spec/containers/hello/args",
            json!(vec!["a"; 257]),
            Error("spec.containers.hello.args", "at most 256"),
        ),
        (variables, removed(), Valid),
        (variables, json!({}), Valid),
        (variables, json!({ "any name at all.": "" }), Valid),
        (variables, json!({ "": "x" }), Error("spec.containers.hello.variables[\"\"]", "must not be empty")),
        (
            variables,
            json!({ "A=B": "x" }),
            Error("spec.containers.hello.variables[\"A=B\"]", "neither = nor"),
        ),
        (variables, json!({ "A\0": "x" }), Error("spec.containers.hello.variables[\"A\\0\"]", "nor a NUL")),
        (variables, json!({ "A": "x\0" }), Error("spec.containers.hello.variables.A", "NUL")),
        (variables, json!({ "A": null }), Shape("invalid type: null")),
        (variables, json!({ "A": 1 }), Shape("expected a string")),
        (
            variables,
            json!({ "A": "${metadata.none}" }),
            Error("spec.containers.hello.variables.A", "key 'none' not found"),
        ),
    ]);
}

#[test]
fn files() {
    let files = "/spec/containers/hello/files";
    let mode = "/spec/containers/hello/files/~1etc~1hello~1config.yaml/mode";
    let mode_path = "spec.containers.hello.files[\"/etc/hello/config.yaml\"].mode";
    let target = "must be an absolute path below /";
    let one = json!({ "content": "x" });
    check(&[
        (files, removed(), Valid),
        (files, json!({}), Valid),
        (files, json!([]), Shape("expected a map")),
        (files, json!({ "": one }), Error("spec.containers.hello.files[\"\"]", target)),
        (files, json!({ "/": one }), Error("spec.containers.hello.files[\"/\"]", target)),
        (files, json!({ "etc/file": one }), Error("spec.containers.hello.files[\"etc/file\"]", target)),
        (
            files,
            json!({ "/etc/../file": one }),
            Error("spec.containers.hello.files[\"/etc/../file\"]", target),
        ),
        (files, json!({ "/a\0": one }), Error("spec.containers.hello.files[\"/a\\0\"]", target)),
        (
            files,
            json!({ "/a/b": one, "/a//./b": one }),
            Error(
                "spec.containers.hello.files[\"/a/b\"]",
                "is the same path as spec.containers.hello.files[\"/a//./b\"]",
            ),
        ),
        (
            files,
            json!({ "/mnt/data/": one }),
            Error(
                "spec.containers.hello.volumes[\"/mnt/data\"]",
                "is the same path as spec.containers.hello.files[\"/mnt/data/\"]",
            ),
        ),
        (mode, removed(), Valid),
        (mode, json!("600"), Valid),
        (mode, json!("0600"), Valid),
        (mode, json!("1644"), Error(mode_path, "three octal digits")),
        (mode, json!("00644"), Error(mode_path, "three octal digits")),
        (mode, json!("888"), Error(mode_path, "three octal digits")),
        (mode, json!(""), Error(mode_path, "three octal digits")),
        (mode, json!(644), Shape("expected a string")),
    ]);
}

#[test]
fn contents_of_files() {
    let file = "/spec/containers/hello/files/~1etc~1hello~1config.yaml";
    let path = "spec.containers.hello.files[\"/etc/hello/config.yaml\"]";
    let content_path = "spec.containers.hello.files[\"/etc/hello/config.yaml\"].content";
    let binary_path = "spec.containers.hello.files[\"/etc/hello/config.yaml\"].binaryContent";
    check(&[
        (file, json!({}), Error(path, "exactly one of content, binaryContent and source")),
        (file, json!({ "content": "a", "binaryContent": "" }), Error(path, "exactly one of")),
        (file, json!({ "content": "a", "source": "b" }), Error(path, "exactly one of")),
        (file, json!({ "content": "" }), Valid),
        (file, json!({ "content": 1 }), Shape("expected a string")),
        (file, json!({ "content": ["a", "b"] }), Shape("expected a string")),
        (
            file,
            json!({ "source": "./file" }),
            Error(
                "spec.containers.hello.files[\"/etc/hello/config.yaml\"].source",
                "put its text into content",
            ),
        ),
        (file, json!({ "binaryContent": "aGk=" }), Valid),
        (file, json!({ "binaryContent": "" }), Valid),
        (file, json!({ "binaryContent": "aG\r\nk=\n" }), Valid),
        (file, json!({ "binaryContent": "aG k=" }), Error(binary_path, "is not standard base64")),
        (file, json!({ "binaryContent": "aGk" }), Error(binary_path, "is not standard base64")),
        (file, json!({ "binaryContent": "-_8=" }), Error(binary_path, "is not standard base64")),
        (file, json!({ "content": "${x}" }), Error(content_path, "unknown reference root")),
        (file, json!({ "content": "${x}", "noExpand": true }), Valid),
        (
            file,
            json!({ "content": "${x}", "noExpand": false }),
            Error(content_path, "unknown reference root"),
        ),
        (file, json!({ "content": "x", "noExpand": "yes" }), Shape("expected a boolean")),
    ]);
}

#[test]
fn volumes() {
    let volumes = "/spec/containers/hello/volumes";
    let volume = "/spec/containers/hello/volumes/~1mnt~1data";
    let source = "/spec/containers/hello/volumes/~1mnt~1data/source";
    let source_path = "spec.containers.hello.volumes[\"/mnt/data\"].source";
    let path = "/spec/containers/hello/volumes/~1mnt~1data/path";
    let path_path = "spec.containers.hello.volumes[\"/mnt/data\"].path";
    check(&[
        (volumes, removed(), Valid),
        (volumes, json!({}), Valid),
        (
            volumes,
            json!({ "mnt": { "source": "${resources.data}" } }),
            Error("spec.containers.hello.volumes.mnt", "must be an absolute path"),
        ),
        (volume, json!({}), Shape("missing field `source`")),
        (source, json!(null), Shape("invalid type: null")),
        (source, json!(1), Shape("expected a string")),
        (source, json!("data"), Error(source_path, "must be ${resources.<name>}")),
        (source, json!("${resources.none}"), Error(source_path, "no known resource 'none'")),
        (path, removed(), Valid),
        (path, json!(1), Shape("expected a string")),
        (path, json!("/sub"), Valid),
        (path, json!("/../sub"), Error(path_path, "must be a path inside the volume")),
        (path, json!("sub/../.."), Error(path_path, "must be a path inside the volume")),
        ("/spec/containers/hello/volumes/~1mnt~1data/readOnly", removed(), Valid),
        ("/spec/containers/hello/volumes/~1mnt~1data/readOnly", json!("yes"), Shape("expected a boolean")),
    ]);
}

#[test]
fn compute_resources() {
    let resources = "/spec/containers/hello/resources";
    let limit = "/spec/containers/hello/resources/limits/memory";
    let (limit_path, cpu_path) =
        ("spec.containers.hello.resources.limits.memory", "spec.containers.hello.resources.limits.cpu");
    let (cpu, request) =
        ("/spec/containers/hello/resources/limits/cpu", "/spec/containers/hello/resources/requests");
    check(&[
        (resources, removed(), Valid),
        (resources, json!({}), Valid),
        (resources, json!("text"), Shape("invalid type: string")),
        (resources, json!({ "limits": {}, "requests": {} }), Valid),
        (resources, json!({ "limits": "text" }), Shape("invalid type: string")),
        (resources, json!({ "requests": { "memory": "1.5Gi", "cpu": "2" } }), Valid),
        (limit, removed(), Valid),
        (limit, json!(1024), Shape("expected a string")),
        (
            limit,
            json!("128"),
            Error(
                "spec.containers.hello.resources.requests.memory",
                "requests 64Mi, more than the limit of 128: lower it, or raise the limit",
            ),
        ),
        (limit, json!("200K"), Error("spec.containers.hello.resources.requests.memory", "the limit of 200k")),
        (limit, json!("67108864"), Valid),
        (
            limit,
            json!("1e9"),
            Error(limit_path, "\"1e9\" must be a number above 0 with at most one of the suffixes"),
        ),
        (limit, json!("128k"), Error(limit_path, "suffixes K, M")),
        (limit, json!("128m"), Error(limit_path, "suffixes K, M")),
        (limit, json!("010"), Error(limit_path, "suffixes K, M")),
        (limit, json!("0"), Error(limit_path, "suffixes K, M")),
        (limit, json!(""), Error(limit_path, "suffixes K, M")),
        (limit, json!("100Ei"), Error(limit_path, "out of range")),
        (limit, json!(format!("1.{}Gi", "1".repeat(40))), Error(limit_path, "out of range")),
        (cpu, removed(), Valid),
        (cpu, json!(1), Shape("expected a string")),
        (cpu, json!("1"), Valid),
        (cpu, json!("250m"), Valid),
        (
            cpu,
            json!("249m"),
            Error(
                "spec.containers.hello.resources.requests.cpu",
                "requests 250m, more than the limit of 249m",
            ),
        ),
        (cpu, json!(".5"), Error(cpu_path, "number of cores such as 0.5")),
        (cpu, json!("1."), Error(cpu_path, "number of cores such as 0.5")),
        (cpu, json!("1.5m"), Error(cpu_path, "number of cores such as 0.5")),
        (cpu, json!("0.9999"), Error(cpu_path, "finer than a thousandth of a core")),
        (request, removed(), Valid),
        (request, json!({ "memory": 1 }), Shape("expected a string")),
        (
            request,
            json!({ "cpu": "x" }),
            Error("spec.containers.hello.resources.requests.cpu", "number of cores"),
        ),
    ]);
}

#[test]
fn before() {
    let before = "/spec/containers/migrate/before";
    check(&[
        (before, removed(), Valid),
        (before, json!({}), Valid),
        (before, json!(null), Shape("invalid type: null")),
        (before, json!({ "hello": { "ready": "started" } }), Valid),
        (before, json!({ "hello": { "ready": "complete" } }), Valid),
        (
            before,
            json!({ "hello": { "ready": "healthy" } }),
            Error("spec.containers.migrate.before.hello.ready", "has no probe"),
        ),
        (before, json!({ "hello": { "ready": "done" } }), Shape("unknown variant `done`")),
        (before, json!({ "hello": {} }), Shape("missing field `ready`")),
        (
            before,
            json!({ "Hello": { "ready": "started" } }),
            Error("spec.containers.migrate.before.Hello", "there is no container"),
        ),
    ]);
}

#[test]
fn probes() {
    let (liveness, readiness) =
        ("/spec/containers/hello/livenessProbe", "/spec/containers/hello/readinessProbe");
    let http_get = "/spec/containers/hello/readinessProbe/httpGet";
    let host = "/spec/containers/hello/readinessProbe/httpGet/host";
    let scheme = "/spec/containers/hello/readinessProbe/httpGet/scheme";
    let path = "/spec/containers/hello/readinessProbe/httpGet/path";
    let port = "/spec/containers/hello/readinessProbe/httpGet/port";
    let headers = "/spec/containers/hello/readinessProbe/httpGet/httpHeaders";
    let name_path = "spec.containers.hello.readinessProbe.httpGet.httpHeaders[0].name";
    let value_path = "spec.containers.hello.readinessProbe.httpGet.httpHeaders[0].value";
    check(&[
        (liveness, removed(), Valid),
        (liveness, json!("text"), Shape("invalid type: string")),
        (liveness, json!({}), Error("spec.containers.hello.livenessProbe", "has neither httpGet nor exec")),
        (
            liveness,
            json!({ "exec": null }),
            Error("spec.containers.hello.livenessProbe", "has neither httpGet nor exec"),
        ),
        (liveness, json!({ "exec": {} }), Shape("missing field `command`")),
        (liveness, json!({ "exec": { "command": "true" } }), Shape("expected a sequence")),
        (
            liveness,
            json!({ "exec": { "command": [] } }),
            Error("spec.containers.hello.livenessProbe.exec.command", "is empty"),
        ),
        (
            liveness,
            json!({ "exec": { "command": ["\0"] } }),
            Error("spec.containers.hello.livenessProbe.exec.command[0]", "NUL"),
        ),
        (liveness, json!({ "exec": { "command": ["a"] }, "httpGet": { "path": "/", "port": 80 } }), Valid),
        (readiness, removed(), Valid),
        (readiness, json!({}), Error("spec.containers.hello.readinessProbe", "has neither httpGet nor exec")),
        (http_get, json!({}), Shape("missing field `path`")),
        (http_get, json!({ "path": "/" }), Shape("missing field `port`")),
        (host, removed(), Valid),
        (host, json!("1.1.1.1"), Valid),
        (host, json!(1), Shape("expected a string")),
        (host, json!(""), Error("spec.containers.hello.readinessProbe.httpGet.host", "1 to 253 characters")),
        (scheme, removed(), Valid),
        (scheme, json!("HTTPS"), Valid),
        (scheme, json!("TCP"), Shape("unknown variant `TCP`")),
        (scheme, json!(1), Shape("expected string or map")),
        (path, removed(), Shape("missing field `path`")),
        (path, json!(null), Shape("invalid type: null")),
        (path, json!(1), Shape("expected a string")),
        (
            path,
            json!("/\r\n"),
            Error("spec.containers.hello.readinessProbe.httpGet.path", "control characters"),
        ),
        (port, removed(), Shape("missing field `port`")),
        (port, json!("80"), Shape("invalid type: string")),
        (port, json!(0), Error("spec.containers.hello.readinessProbe.httpGet.port", "must be 1 to 65535")),
        (
            port,
            json!(65536),
            Error("spec.containers.hello.readinessProbe.httpGet.port", "must be 1 to 65535"),
        ),
        (headers, removed(), Valid),
        (headers, json!([]), Valid),
        (headers, json!(null), Shape("invalid type: null")),
        (headers, json!([{ "name": "X_Y-Z", "value": "1" }]), Valid),
        (headers, json!([{ "value": "1" }]), Shape("missing field `name`")),
        (headers, json!([{ "name": 1, "value": "1" }]), Shape("expected a string")),
        (headers, json!([{ "name": "a b", "value": "1" }]), Error(name_path, "letters, digits, _ and -")),
        (headers, json!([{ "name": "", "value": "1" }]), Error(name_path, "letters, digits, _ and -")),
        (headers, json!([{ "name": "ab" }]), Shape("missing field `value`")),
        (headers, json!([{ "name": "ab", "value": 1 }]), Shape("expected a string")),
        (headers, json!([{ "name": "ab", "value": "" }]), Error(value_path, "is empty")),
        (
            headers,
            json!([{ "name": "ab", "value": "a\r\nHost: b" }]),
            Error(value_path, "control characters"),
        ),
    ]);
}

#[test]
fn resources() {
    let (type_, class, id) =
        ("/spec/resources/db/type", "/spec/resources/db/class", "/spec/resources/data/id");
    let (metadata, params) = ("/spec/resources/db/metadata", "/spec/resources/db/params");
    check(&[
        ("/spec/resources", json!(null), Shape("invalid type: null")),
        ("/spec/resources/db", json!(null), Shape("invalid type: null")),
        ("/spec/resources/More", json!({ "type": "thing" }), Error("spec.resources.More", NO_NAME)),
        ("/spec/resources/x", json!({ "type": "thing" }), Error("spec.resources.x", NO_NAME)),
        (type_, removed(), Shape("missing field `type`")),
        (type_, json!(null), Shape("invalid type: null")),
        (type_, json!(1), Shape("expected a string")),
        (type_, json!("x"), Error("spec.resources.db.type", NO_TYPE)),
        (type_, json!("a.b"), Error("spec.resources.db.type", NO_TYPE)),
        (type_, json!("Postgres-14"), Valid),
        (class, removed(), Valid),
        (class, json!("so.invalid"), Error("spec.resources.db.class", NO_TYPE)),
        (class, json!(""), Error("spec.resources.db.class", NO_TYPE)),
        (class, json!("Large"), Valid),
        (id, removed(), Valid),
        (id, json!("a"), Error("spec.resources.data.id", "words of a-z")),
        (id, json!("a..b"), Error("spec.resources.data.id", "words of a-z")),
        (id, json!("Shared"), Error("spec.resources.data.id", "words of a-z")),
        (id, json!("one.two--three.4"), Valid),
        (metadata, removed(), Valid),
        (metadata, json!({}), Valid),
        (metadata, json!("text"), Shape("expected a map")),
        (metadata, json!({ "anything": [1] }), Valid),
        (metadata, json!({ "annotations": {} }), Valid),
        (
            metadata,
            json!({ "annotations": null }),
            Error("spec.resources.db.metadata.annotations", "must be a map of texts"),
        ),
        (metadata, json!({ "annotations": { "one": "1" } }), Valid),
        (metadata, json!({ "annotations": { "example.com/one": "1" } }), Valid),
        (
            metadata,
            json!({ "annotations": { "one": null } }),
            Error("spec.resources.db.metadata.annotations.one", "must be a text"),
        ),
        (
            metadata,
            json!({ "annotations": { "one": 1 } }),
            Error("spec.resources.db.metadata.annotations.one", "must be a text"),
        ),
        (
            metadata,
            json!({ "annotations": { "o": "1" } }),
            Error("spec.resources.db.metadata.annotations.o", "the key must be"),
        ),
        (
            metadata,
            json!({ "annotations": { "A/bc": "1" } }),
            Error("spec.resources.db.metadata.annotations[\"A/bc\"]", "the key must be"),
        ),
        (params, removed(), Valid),
        (params, json!({}), Valid),
        (params, json!("text"), Shape("expected a map")),
        (params, json!({ "any": { "thing": [null, 1, true, "x"] } }), Valid),
        (
            params,
            json!({ "any": ["${x}"] }),
            Error("spec.resources.db.params.any[0]", "unknown reference root"),
        ),
        (params, json!({ "any": "${resources.db.host}" }), Error("spec.resources", "(db → db)")),
    ]);
}
