//! Workloads that break one rule, each in a way that no other part of the Workload can mend.

use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, rngs::StdRng};
use serde_json::{Value, json};

/// A Workload that breaks a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Invalid {
    /// The rule, in words.
    pub rule: &'static str,
    /// The Workload as JSON.
    pub object: Value,
}

/// A way to break a rule: what to put where. `*` in the place stands for a container that there is.
struct Break {
    rule: &'static str,
    place: &'static str,
    values: fn() -> Vec<Value>,
}

/// Breaks one rule of a valid Workload.
pub(crate) fn broken(mut object: Value, rng: &mut StdRng) -> Invalid {
    let containers = object["spec"]["containers"].as_object();
    let names: Vec<String> = containers.into_iter().flat_map(|map| map.keys().cloned()).collect();
    let container = names.choose(rng).cloned().unwrap_or_default();
    let index = rng.random_range(0..BREAKS.len() + 1);
    let Some(Break { rule, place, values }) = BREAKS.get(index) else {
        return without_required(object, &container);
    };
    let value = values().choose(rng).cloned().unwrap_or_default();
    let keys: Vec<&str> = place.split('>').map(|key| if key == "*" { &container } else { key }).collect();
    put(&mut object, &keys, value);
    Invalid { rule, object }
}

/// Puts a value at a place; what is no object on the way becomes one.
fn put(at: &mut Value, keys: &[&str], value: Value) {
    let Some((first, rest)) = keys.split_first() else {
        *at = value;
        return;
    };
    if !at.is_object() {
        *at = json!({});
    }
    put(&mut at[*first], rest, value);
}

fn without_required(mut object: Value, container: &str) -> Invalid {
    if let Some(fields) = object["spec"]["containers"][container].as_object_mut() {
        fields.remove("image");
    }
    Invalid { rule: "a container has an image", object }
}

/// What two names have in common that are no Score names.
fn no_names() -> Vec<String> {
    ["a", "a.b", "a_b", "Ab", "ab-", "-ab", "a b"]
        .map(str::to_owned)
        .into_iter()
        .chain(["a".repeat(64)])
        .collect()
}

/// A map with one entry of a name that is none.
fn under_no_name(value: &Value) -> Vec<Value> {
    no_names().into_iter().map(|name| json!({ name: value })).collect()
}

const BREAKS: &[Break] = &[
    Break {
        rule: "the name is a Score name",
        place: "metadata>name",
        values: || vec![json!("a.b"), json!("a")],
    },
    Break { rule: "there are no fields but these", place: "spec>replicas", values: || vec![json!(2)] },
    Break {
        rule: "a container has no fields but these",
        place: "spec>containers>*>ports",
        values: || vec![json!([])],
    },
    Break {
        rule: "there is a container",
        place: "spec>containers",
        values: || vec![json!({}), json!([]), json!("")],
    },
    Break {
        rule: "containers have Score names",
        place: "spec>containers",
        values: || under_no_name(&json!({"image": "a"})),
    },
    Break {
        rule: "there are at most 16 containers",
        place: "spec>containers",
        values: || vec![(0..17).map(|index| (format!("c{index}"), json!({"image": "a"}))).collect()],
    },
    Break {
        rule: "an image has a name",
        place: "spec>containers>*>image",
        values: || vec![json!(""), json!("."), json!("a b"), json!(1), json!("a\n"), json!("a".repeat(1025))],
    },
    Break {
        rule: "commands are lists of texts",
        place: "spec>containers>*>command",
        values: || vec![json!("sh"), json!([1]), json!(["a\u{0}b"])],
    },
    Break {
        rule: "arguments are lists of texts",
        place: "spec>containers>*>args",
        values: || vec![json!("sh"), json!([true]), json!(["\u{0}"])],
    },
    Break {
        rule: "variables have names",
        place: "spec>containers>*>variables",
        values: || {
            vec![
                json!({"": "a"}),
                json!({"A=B": "a"}),
                json!({"A\u{0}": "a"}),
                json!({"A": 1}),
                json!({"A": "\u{0}"}),
            ]
        },
    },
    Break {
        rule: "placeholders refer to something",
        place: "spec>containers>*>variables>BROKEN",
        values: || {
            [
                "${}",
                "${x}",
                "${metadata}",
                "${metadata.none}",
                "${resources}",
                "${resources.none.x}",
                "${metadata.name.x}",
                "a $$${metadata.none}",
                "${ metadata.name}",
            ]
            .map(Value::from)
            .to_vec()
        },
    },
    Break {
        rule: "files have paths",
        place: "spec>containers>*>files",
        values: || {
            ["", "a", "./a", "/", "/../a", "/a/../../b", "/a\u{0}"]
                .map(|path| json!({path: {"content": ""}}))
                .to_vec()
        },
    },
    Break {
        rule: "files have different paths",
        place: "spec>containers>*>files",
        values: || vec![json!({"/a": {"content": ""}, "//a/.": {"content": ""}})],
    },
    Break {
        rule: "files and volumes have different paths",
        place: "spec>containers>*",
        values: || {
            vec![
                json!({"image": "a", "files": {"/a": {"content": ""}}, "volumes": {"/a/": {"source": "${resources.none}"}}}),
            ]
        },
    },
    Break {
        rule: "files have one content",
        place: "spec>containers>*>files>/x",
        values: || {
            vec![
                json!({}),
                json!({"content": "", "binaryContent": ""}),
                json!({"source": "a"}),
                json!({"binaryContent": "*"}),
                json!({"content": ["a"]}),
                json!({"content": "${resources.none.x}"}),
                json!({"content": "", "target": "/a"}),
            ]
        },
    },
    Break {
        rule: "files have octal modes",
        place: "spec>containers>*>files>/x",
        values: || {
            ["rw", "888", "1644", "00644", "64"].map(|mode| json!({"content": "", "mode": mode})).to_vec()
        },
    },
    Break {
        rule: "volumes are resources",
        place: "spec>containers>*>volumes>/x",
        values: || {
            vec![
                json!({}),
                json!({"source": "a"}),
                json!({"source": "${resources.none}"}),
                json!({"source": "${metadata.name}"}),
                json!({"source": "x${resources.none}"}),
            ]
        },
    },
    Break {
        rule: "before names other containers",
        place: "spec>containers>*>before",
        values: || vec![json!({"none-of-these": {"ready": "started"}}), json!({"a.b": {"ready": "started"}})],
    },
    Break {
        rule: "before has a state",
        place: "spec>containers",
        values: || vec![two(&json!({"ready": "done"})), two(&json!({})), two(&json!({"ready": "healthy"}))],
    },
    Break {
        rule: "nothing runs before itself",
        place: "spec>containers",
        values: || {
            let itself = json!({"aa": {"image": "a", "before": {"aa": {"ready": "started"}}}});
            let mut each_other = two(&json!({"ready": "started"}));
            each_other["bb"]["before"] = json!({"aa": {"ready": "complete"}});
            vec![itself, each_other]
        },
    },
    Break {
        rule: "CPU is a quantity",
        place: "spec>containers>*>resources>limits>cpu",
        values: || {
            ["", ".5", "1.", "1.5m", "-1", "1k", "0.0001", "99999999999999999999"].map(Value::from).to_vec()
        },
    },
    Break {
        rule: "memory is a quantity",
        place: "spec>containers>*>resources>limits>memory",
        values: || ["", "0", "128k", "1e3", "128m", "010", "8Ei", "1Zi"].map(Value::from).to_vec(),
    },
    Break {
        rule: "requests are within limits",
        place: "spec>containers>*>resources",
        values: || {
            vec![
                json!({"limits": {"cpu": "1"}, "requests": {"cpu": "1001m"}}),
                json!({"limits": {"memory": "1Gi"}, "requests": {"memory": "1025Mi"}}),
            ]
        },
    },
    Break {
        rule: "there are no other compute resources",
        place: "spec>containers>*>resources>limits>gpu",
        values: || vec![json!("1")],
    },
    Break {
        rule: "a probe does something",
        place: "spec>containers>*>livenessProbe",
        values: || {
            vec![
                json!({}),
                json!({"exec": {}}),
                json!({"exec": {"command": []}}),
                json!({"exec": {"command": "sh"}}),
            ]
        },
    },
    Break {
        rule: "a request has path and port",
        place: "spec>containers>*>readinessProbe",
        values: || {
            let request = |field: &str, value: Value| {
                let mut request = json!({"path": "/", "port": 80});
                request[field] = value;
                json!({"httpGet": request})
            };
            vec![
                json!({"httpGet": {"path": "/"}}),
                json!({"httpGet": {"port": 80}}),
                request("port", json!(0)),
                request("port", json!(65_536)),
                request("port", json!("http")),
                request("scheme", json!("FTP")),
                request("host", json!("")),
                request("path", json!("/\r\nX: y")),
                request("httpHeaders", json!([{"name": "X Y", "value": "a"}])),
                request("httpHeaders", json!([{"name": "X", "value": ""}])),
                request("httpHeaders", json!([{"name": "X", "value": "a\nb"}])),
            ]
        },
    },
    Break {
        rule: "ports are numbers",
        place: "spec>service>ports",
        values: || {
            vec![
                json!([{}]),
                json!([{"port": 0}]),
                json!([{"port": 65_536}]),
                json!([{"port": "80"}]),
                json!({}),
                json!([{"port": 80, "targetPort": -1}]),
                json!([{"port": 80, "protocol": "SCTP"}]),
            ]
        },
    },
    Break {
        rule: "ports have Score names",
        place: "spec>service>ports",
        values: || no_names().into_iter().map(|name| json!([{"port": 80, "name": name}])).collect(),
    },
    Break {
        rule: "ports differ",
        place: "spec>service>ports",
        values: || {
            vec![
                json!([{"port": 80}, {"port": 80, "protocol": "TCP"}]),
                json!([{"port": 80, "name": "www"}, {"port": 81, "name": "www"}]),
            ]
        },
    },
    Break { rule: "metadata has no name", place: "spec>metadata>name", values: || vec![json!("a")] },
    Break {
        rule: "metadata has no annotations",
        place: "spec>metadata>annotations",
        values: || vec![json!({})],
    },
    Break { rule: "metadata is a map", place: "spec>metadata", values: || vec![json!([]), json!("a")] },
    Break {
        rule: "resources have Score names",
        place: "spec>resources",
        values: || under_no_name(&json!({"type": "aa"})),
    },
    Break {
        rule: "resources have types",
        place: "spec>resources>broken",
        values: || {
            vec![
                json!({}),
                json!({"type": "a"}),
                json!({"type": "a_b"}),
                json!({"type": 1}),
                json!({"type": "a".repeat(64)}),
            ]
        },
    },
    Break {
        rule: "classes and ids match their patterns",
        place: "spec>resources>broken",
        values: || {
            vec![
                json!({"type": "aa", "class": "a b"}),
                json!({"type": "aa", "id": "A"}),
                json!({"type": "aa", "id": "a..b"}),
            ]
        },
    },
    Break {
        rule: "params refer to something",
        place: "spec>resources>broken",
        values: || {
            vec![
                json!({"type": "aa", "params": {"x": "${resources.none.x}"}}),
                json!({"type": "aa", "params": {"x": [{"y": "${metadata.none}"}]}}),
                json!({"type": "aa", "params": {"x": "${resources.broken.x}"}}),
                json!({"type": "aa", "params": []}),
                json!({"type": "aa", "params": {"x": [{"secretKeyRef": {"name": "a", "key": "b"}}]}}),
            ]
        },
    },
    Break {
        rule: "one resource has one set of params",
        place: "spec>resources",
        values: || {
            let shared = |size: u8| json!({"type": "aa", "id": "one", "params": {"size": size}});
            vec![json!({"aa": shared(1), "bb": shared(2)})]
        },
    },
    Break {
        rule: "annotations of resources are texts",
        place: "spec>resources>broken",
        values: || {
            vec![
                json!({"type": "aa", "metadata": {"annotations": {"aa": 1}}}),
                json!({"type": "aa", "metadata": {"annotations": []}}),
                json!({"type": "aa", "metadata": {"annotations": {"-": "a"}}}),
            ]
        },
    },
];

/// Two containers, of which the first runs before the second on a condition.
fn two(condition: &Value) -> Value {
    json!({"aa": {"image": "a", "before": {"bb": condition}}, "bb": {"image": "b"}})
}
