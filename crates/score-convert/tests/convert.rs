//! Score files in, Workloads out, or every reason why not.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{io, path::Path};

use api_types::Workload;
use score_convert::{Converter, Image, Settings};
use serde_json::{Value, json};

const FILE: &str = "shop/score.yaml";

/// What is beside the Score file.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let is = |file: &str| path == Path::new(file);
    match path {
        _ if is("shop/greeting.txt") => Ok(b"Hello ${metadata.name}\n".to_vec()),
        _ if is("shop/assets/logo.bin") => Ok(vec![0xff, 0x00, 0xfe]),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

fn with(settings: Settings, text: &str) -> Result<Vec<Workload>, Vec<String>> {
    let converter = Converter::new(settings).unwrap();
    let problems = |found: Vec<score_convert::Problem>| found.iter().map(ToString::to_string).collect();
    converter.convert(Path::new(FILE), text, read).map_err(problems)
}

/// The one Workload of a text, as JSON.
fn converted(text: &str) -> Value {
    let workloads = with(Settings::default(), text).unwrap();
    assert_eq!(workloads.len(), 1);
    serde_json::to_value(&workloads[0]).unwrap()
}

/// The problems of a text, in the order of their lines.
fn refused(text: &str) -> Vec<String> {
    with(Settings::default(), text).unwrap_err()
}

/// A document with one container `web` of these fields, which begin on line 7.
fn web(fields: &str) -> String {
    let fields: String = fields.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "apiVersion: score.dev/v1b1\nmetadata:\n  name: shop\ncontainers:\n  web:\n    image: app:1\n{fields}"
    )
}

fn spec_of_web(fields: &str) -> Value {
    converted(&web(fields))["spec"]["containers"]["web"].take()
}

#[test]
fn every_part_of_a_score_file_has_its_place_in_a_workload() {
    let workload = converted(
        "apiVersion: score.dev/v1b1
metadata:
  name: shop
  annotations:
    example.com/tier: gold
  team: {name: checkout}
containers:
  web:
    image: app:1
    command: [serve]
    args: ['--port', '8080']
    variables: {MODE: 'on', DB: '${resources.db.host}'}
    files:
      /etc/app.yaml: {content: 'name: ${metadata.name}', mode: '0440'}
    volumes:
      /data: {source: '${resources.data}', path: sub, readOnly: true}
    resources:
      limits: {cpu: '0.5', memory: 1.5Gi}
    livenessProbe:
      httpGet: {path: /live, port: 8080, scheme: HTTP, httpHeaders: [{name: X-A, value: b}]}
    readinessProbe:
      exec: {command: [ready]}
    before:
      side: {ready: started}
  side:
    image: side:2
service:
  ports:
    www: {port: 80, targetPort: 8080}
    stats: {port: 9090, protocol: UDP}
resources:
  db: {type: postgres, class: small, id: main.db, metadata: {annotations: {a.b/cc: d}}, params: {size: 3, tags: [x]}}
  data: {type: volume}
",
    );
    assert_eq!(
        workload,
        json!({
            "apiVersion": "score.dev/v1b1",
            "kind": "Workload",
            "metadata": {"name": "shop", "annotations": {"example.com/tier": "gold"}},
            "spec": {
                "metadata": {"team": {"name": "checkout"}},
                "containers": {
                    "web": {
                        "image": "app:1", "command": ["serve"], "args": ["--port", "8080"],
                        "variables": {"MODE": "on", "DB": "${resources.db.host}"},
                        "files": {"/etc/app.yaml": {"content": "name: ${metadata.name}", "mode": "0440"}},
                        "volumes": {"/data": {"source": "${resources.data}", "path": "sub", "readOnly": true}},
                        "resources": {"limits": {"cpu": "0.5", "memory": "1.5Gi"}},
                        "livenessProbe": {"httpGet": {
                            "path": "/live", "port": 8080, "scheme": "HTTP",
                            "httpHeaders": [{"name": "X-A", "value": "b"}],
                        }},
                        "readinessProbe": {"exec": {"command": ["ready"]}},
                        "before": {"side": {"ready": "started"}},
                    },
                    "side": {"image": "side:2"},
                },
                "service": {"ports": [
                    {"name": "www", "port": 80, "targetPort": 8080},
                    {"name": "stats", "port": 9090, "protocol": "UDP"},
                ]},
                "resources": {
                    "db": {
                        "type": "postgres", "class": "small", "id": "main.db",
                        "metadata": {"annotations": {"a.b/cc": "d"}}, "params": {"size": 3, "tags": ["x"]},
                    },
                    "data": {"type": "volume"},
                },
            },
        })
    );
}

#[test]
fn a_file_may_hold_several_documents() {
    let text = format!("---\n{}---\n{}---\n", web(""), web("").replace("shop", "other"));
    let workloads = with(Settings::default(), &text).unwrap();
    let names: Vec<_> = workloads.iter().map(|workload| workload.metadata.name.as_deref()).collect();
    assert_eq!(names, [Some("shop"), Some("other")]);
}

#[test]
fn namespace_and_profile_come_from_the_caller() {
    let settings =
        Settings { namespace: Some("team-a".into()), profile: Some("batch".into()), images: Vec::new() };
    let workloads = with(settings, &web("")).unwrap();
    assert_eq!(workloads[0].metadata.namespace.as_deref(), Some("team-a"));
    assert_eq!(workloads[0].spec.profile.as_deref(), Some("batch"));
}

#[test]
fn lists_of_files_become_maps_by_target_and_lines_become_text() {
    let fields = "files:
- {target: /one, content: [first, 2, true], mode: '0600', noExpand: true}
- {target: /two, content: text}
";
    assert_eq!(
        spec_of_web(fields)["files"],
        json!({"/one": {"content": "first\n2\ntrue", "mode": "0600", "noExpand": true}, "/two": {"content": "text"}})
    );
}

#[test]
fn lists_of_volumes_become_maps_by_target_and_read_only_gets_its_name_of_today() {
    let fields = "volumes:
- {target: /one, source: '${resources.a1}', read_only: true}
- {target: /two, source: '${resources.b2}', path: sub, readOnly: false}
";
    assert_eq!(
        spec_of_web(fields)["volumes"],
        json!({
            "/one": {"source": "${resources.a1}", "readOnly": true},
            "/two": {"source": "${resources.b2}", "path": "sub", "readOnly": false},
        })
    );
}

#[test]
fn entries_of_lists_without_a_target_of_their_own_are_refused() {
    let fields = "files:
- {content: a}
- {target: 1, content: a}
- {target: /one, content: a}
- {target: /one, content: b}
- text
volumes:
- {target: /one, source: x, read_only: true, readOnly: true}
";
    assert_eq!(
        refused(&web(fields)),
        [
            "shop/score.yaml:8: containers.web.files[0].target: is missing: write the path in the container",
            "shop/score.yaml:9: containers.web.files[1].target: is a number, must be a text: correct it",
            "shop/score.yaml:11: containers.web.files[3]: has the target \"/one\" of containers.web.files[2] (line 10): change one of them",
            "shop/score.yaml:12: containers.web.files[4]: is a text, must be a map: correct it",
            "shop/score.yaml:14: containers.web.volumes[0].read_only: is the older name of readOnly, which is also there: remove it",
        ]
    );
}

#[test]
fn what_only_lists_of_older_versions_have_is_refused_in_maps() {
    let fields = "files:
  /one: {target: /one, content: a}
  /two: {content: [a, b]}
volumes:
  /three: {source: x, read_only: true}
";
    let problems = refused(&web(fields));
    let places: Vec<_> = problems.iter().map(|problem| problem.split(": ").nth(1).unwrap()).collect();
    assert_eq!(
        places,
        [
            "containers.web.files[\"/one\"].target",
            "containers.web.files[\"/two\"].content",
            "containers.web.volumes[\"/three\"].read_only",
        ]
    );
}

#[test]
fn sources_are_read_from_beside_the_score_file_as_text_or_as_bytes() {
    let fields = "files:
  /greeting: {source: greeting.txt, mode: '0644', noExpand: true}
  /logo: {source: ./assets/logo.bin}
";
    assert_eq!(
        spec_of_web(fields)["files"],
        json!({
            "/greeting": {"content": "Hello ${metadata.name}\n", "mode": "0644", "noExpand": true},
            "/logo": {"binaryContent": "/wD+"},
        })
    );
}

#[test]
fn sources_in_lists_of_older_versions_are_read_too() {
    let files = &spec_of_web("files: [{target: /greeting, source: greeting.txt}]")["files"];
    assert_eq!(files, &json!({"/greeting": {"content": "Hello ${metadata.name}\n"}}));
}

#[test]
fn a_source_that_cannot_be_read_or_is_not_alone_is_refused() {
    let fields = "files:
  /one: {source: missing.txt}
  /two: {source: greeting.txt, content: a}
";
    assert_eq!(
        refused(&web(fields)),
        [
            "shop/score.yaml:8: containers.web.files[\"/one\"].source: shop/missing.txt cannot be read (entity not found): the path counts from the Score file",
            "shop/score.yaml:9: containers.web.files[\"/two\"]: has a source and also a content: keep exactly one of content, binaryContent and source",
        ]
    );
}

#[test]
fn the_most_precise_image_takes_the_place_of_a_dot() {
    let images = ["any:1", "web=web:1", "shop/web=shop-web:1", "other/web=other:1", "fixed=never:1"];
    let images: Vec<Image> = images.iter().map(|image| image.parse().unwrap()).collect();
    let text = "apiVersion: score.dev/v1b1
metadata: {name: shop}
containers: {web: {image: .}, side: {image: .}, fixed: {image: 'own:1'}}
";
    let image_of = |images: &[Image], container: &str| {
        let settings = Settings { images: images.to_vec(), ..Settings::default() };
        with(settings, text).unwrap()[0].spec.containers[container].image.clone()
    };
    assert_eq!(image_of(&images, "web"), "shop-web:1");
    assert_eq!(image_of(&images[..2], "web"), "web:1");
    assert_eq!(image_of(&images, "side"), "any:1");
    assert_eq!(image_of(&images, "fixed"), "own:1");
}

#[test]
fn a_dot_without_an_image_is_refused_with_what_to_say() {
    let text = web("").replace("app:1", ".");
    assert_eq!(
        refused(&text),
        [
            "shop/score.yaml:6: containers.web.image: is \".\": say which image it is, for example --image web=registry.example.com/app:1.2.3"
        ]
    );
}

#[test]
fn fields_that_score_does_not_know_are_refused_wherever_they_stand() {
    let text = "apiVersion: score.dev/v1b1
kind: Workload
metadata: {name: shop}
extra: 1
containers:
  web:
    image: app:1
    ports: [80]
    livenessProbe:
      httpGet: {path: /, port: 80}
      tcpSocket: {port: 80}
    files:
      /a: {content: '', owner: root}
service:
  type: LoadBalancer
  ports:
    www: {port: 80, name: web, nodePort: 30000}
resources:
  db: {type: postgres, size: 3}
";
    let places: Vec<String> = refused(text)
        .iter()
        .map(|problem| {
            assert!(problem.contains("is not a field of Score: correct its name, or remove it (known: "));
            problem.splitn(3, ": ").take(2).collect::<Vec<_>>().join(": ")
        })
        .collect();
    assert_eq!(
        places,
        [
            "shop/score.yaml:2: kind",
            "shop/score.yaml:4: extra",
            "shop/score.yaml:8: containers.web.ports",
            "shop/score.yaml:11: containers.web.livenessProbe.tcpSocket",
            "shop/score.yaml:13: containers.web.files[\"/a\"].owner",
            "shop/score.yaml:15: service.type",
            "shop/score.yaml:17: service.ports.www.name",
            "shop/score.yaml:17: service.ports.www.nodePort",
            "shop/score.yaml:19: resources.db.size",
        ]
    );
}

#[test]
fn values_of_the_wrong_type_are_refused_with_what_to_do() {
    let fields = "args: serve
variables: {PORT: 8080, DEBUG: true, EMPTY: }
";
    assert_eq!(
        refused(&web(fields)),
        [
            "shop/score.yaml:7: containers.web.args: is a text, must be a list: correct it",
            "shop/score.yaml:8: containers.web.variables.PORT: is a number, must be a text: put it in quotes",
            "shop/score.yaml:8: containers.web.variables.DEBUG: is true or false, must be a text: put it in quotes",
            "shop/score.yaml:8: containers.web.variables.EMPTY: is empty, must be a text: give it a value, or remove it",
        ]
    );
}

#[test]
fn a_document_says_that_it_is_score_and_what_it_is_called() {
    let cases = [
        ("", "shop/score.yaml: holds no document: a Score file says apiVersion: score.dev/v1b1"),
        ("- a\n", "shop/score.yaml:1: is not a Score document: it must be a map"),
        (
            "metadata: {name: shop}\ncontainers: {web: {image: a}}\n",
            "shop/score.yaml:1: apiVersion: is missing: a Score document begins with apiVersion: score.dev/v1b1",
        ),
        (
            "apiVersion: score.dev/v2\nmetadata: {name: shop}\ncontainers: {web: {image: a}}\n",
            "shop/score.yaml:1: apiVersion: must be score.dev/v1b1: correct it",
        ),
        (
            "apiVersion: score.dev/v1b1\ncontainers: {web: {image: a}}\n",
            "shop/score.yaml:1: metadata: is missing: add it, with a name",
        ),
        (
            "apiVersion: score.dev/v1b1\nmetadata: {team: a}\ncontainers: {web: {image: a}}\n",
            "shop/score.yaml:2: metadata.name: is missing: add it",
        ),
        (
            "apiVersion: score.dev/v1b1\nmetadata: {name: shop, annotations: {aa: 1}}\ncontainers: {web: {image: a}}\n",
            "shop/score.yaml:2: metadata.annotations.aa: is a number, must be a text: put it in quotes",
        ),
        (
            "apiVersion: score.dev/v1b1\nmetadata: {name: shop}\n",
            "shop/score.yaml:1: containers: is missing: add it",
        ),
        (
            "apiVersion: score.dev/v1b1\nmetadata: {name: shop}\ncontainers: {web: {image: a}}\nservice: {ports: [{port: 80}]}\n",
            "shop/score.yaml:4: service.ports: is a list, must be a map: correct it",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), [expected]);
    }
}

#[test]
fn a_problem_in_one_document_does_not_hide_those_of_another() {
    let text = format!("{}---\n{}", web("args: a"), web("command: b"));
    assert_eq!(refused(&text).len(), 2);
}
