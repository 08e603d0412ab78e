//! Placeholders: the grammar, what they may refer to, and what outputs make of them.

use std::collections::BTreeMap;

use api_types::{Output, SecretKeyRef, Segment, Text};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use regex::{Captures, Regex};
use score_spec::placeholder::{Outputs, Part, Scope, Template, UnresolvedReference, Why};
use serde_json::{Map, Value, json};

use crate::support::key;

fn metadata() -> Map<String, Value> {
    let metadata = json!({
        "name": "test-name",
        "other": { "key": "value" },
        "annotations": { "key.com/foo-bar": "thing" },
        "replicas": 3,
        "list": [1, "two"],
        "template": "${metadata.name}",
    });
    metadata.as_object().unwrap().clone()
}

fn outputs() -> Outputs {
    let db = [
        ("host", Output::value("${DB_HOST}")),
        ("port", Output::value(5432)),
        ("tls", Output::value(true)),
        ("options", Output::value(json!({ "mode": "fast", "pool": { "size": 5 } }))),
        ("password", Output::secret("db-credentials", "password")),
        ("username", Output::value("app")),
    ];
    let db = db.map(|(name, output)| (name.to_owned(), output));
    Outputs::from([(key("db"), BTreeMap::from(db)), (key("empty"), BTreeMap::new())])
}

/// The text with everything in place, or every error in order.
fn substituted(text: &str) -> Result<Text, String> {
    fn joined(errors: &[impl ToString]) -> String {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
    }
    let metadata = metadata();
    let scope = Scope::new(&metadata, ["db", "empty", "late"]);
    let bound = Template::parse(text).bind(&scope).map_err(|errors| joined(&errors))?;
    bound.resolve(&outputs()).map_err(|errors| joined(&errors))
}

fn assert_text(text: &str, expected: &str) {
    assert_eq!(substituted(text), Ok(Text::Plain(expected.to_owned())), "{text}");
}

fn assert_error(text: &str, expected: &str) {
    assert_eq!(substituted(text), Err(expected.to_owned()), "{text}");
}

fn secret() -> Segment {
    Segment::SecretKeyRef(SecretKeyRef { name: "db-credentials".to_owned(), key: "password".to_owned() })
}

fn value(text: &str) -> Segment {
    Segment::Value(text.to_owned())
}

#[test]
fn text_without_placeholders_stays_as_it_is() {
    for text in ["", "abc", "$abc", "$", "100 $ each", "{abc}", "}", "${abc", "a ${", "ünïcode $ü"] {
        assert_text(text, text);
    }
}

#[test]
fn two_dollars_mean_one() {
    assert_text("$$", "$");
    assert_text("abc $$ abc", "abc $ abc");
    assert_text("$${abc}", "${abc}");
    assert_text("$$$${abc}", "$${abc}");
    assert_text("$${abc .4t3298y *(^&(*}", "${abc .4t3298y *(^&(*}");
    assert_text("$${abc", "${abc");
    assert_text("$$$", "$$");
}

#[test]
fn an_odd_number_of_dollars_ends_with_a_placeholder() {
    assert_text("$$${metadata.name}", "$test-name");
    assert_text("$$$$${metadata.name}", "$$test-name");
    assert_error("$$${abc}", "invalid ref 'abc': unknown reference root, use $$ to escape the substitution");
    assert_error(
        "$$$$${abc}",
        "invalid ref 'abc': unknown reference root, use $$ to escape the substitution",
    );
}

#[test]
fn placeholders_do_not_nest() {
    let template = Template::parse("${a${b}}");
    let [Part::Reference(reference), Part::Literal(rest)] = template.parts() else { panic!("{template:?}") };
    assert_eq!((reference.raw.as_str(), rest.as_str()), ("a${b", "}"));
}

#[test]
fn a_placeholder_may_span_lines() {
    assert_error("${a\nb}", "invalid ref 'a\nb': unknown reference root, use $$ to escape the substitution");
}

#[test]
fn keys_are_split_at_dots_that_no_backslash_escapes() {
    let cases: [(&str, &[&str]); 6] = [
        ("${}", &[""]),
        ("${a}", &["a"]),
        ("${a.b}", &["a", "b"]),
        (r"${a\.b.c}", &["a.b", "c"]),
        (r"${a\b.c\}", &[r"a\b", r"c\"]),
        ("${ a . b }", &[" a ", " b "]),
    ];
    for (text, keys) in cases {
        let template = Template::parse(text);
        let [Part::Reference(reference)] = template.parts() else { panic!("{template:?}") };
        assert_eq!(reference.keys, keys, "{text}");
    }
}

#[test]
fn metadata_is_looked_up_in_maps() {
    assert_text("my name is ${metadata.name}", "my name is test-name");
    assert_text("${metadata.other.key}", "value");
    assert_text(r"${metadata.annotations.key\.com/foo-bar}", "thing");
}

#[test]
fn what_is_no_string_becomes_json() {
    assert_text("${metadata.other}", r#"{"key":"value"}"#);
    assert_text("${metadata.list}", r#"[1,"two"]"#);
    assert_text("${metadata.replicas}", "3");
    assert_text("${resources.db.port}", "5432");
    assert_text("${resources.db.tls}", "true");
    assert_text("${resources.db.options.pool}", r#"{"size":5}"#);
}

#[test]
fn references_that_no_output_can_make_valid_are_errors() {
    let cases = [
        ("missing", "unknown reference root, use $$ to escape the substitution"),
        ("", "unknown reference root, use $$ to escape the substitution"),
        ("Metadata.name", "unknown reference root, use $$ to escape the substitution"),
        (" metadata.name", "unknown reference root, use $$ to escape the substitution"),
        ("metadata", "requires at least a metadata key to lookup"),
        ("metadata.missing", "key 'missing' not found"),
        (r"metadata.thing\.two", "key 'thing.two' not found"),
        ("metadata.other.missing", "key 'missing' not found"),
        ("metadata.name.foo", "cannot lookup key 'foo', context is not a map"),
        ("metadata.list.0", "cannot lookup key '0', context is not a map"),
        ("resources", "requires at least a resource name to lookup"),
        ("resources.missing", "no known resource 'missing'"),
        ("resources.missing.host", "no known resource 'missing'"),
        ("resources.db", "at least one lookup key is required"),
    ];
    for (reference, problem) in cases {
        assert_error(&format!("${{{reference}}}"), &format!("invalid ref '{reference}': {problem}"));
    }
}

#[test]
fn all_invalid_references_of_a_text_are_reported() {
    assert_error(
        "${one} ${metadata.name} ${metadata.two}",
        "invalid ref 'one': unknown reference root, use $$ to escape the substitution | \
         invalid ref 'metadata.two': key 'two' not found",
    );
}

#[test]
fn outputs_are_looked_up_in_maps() {
    assert_text("${resources.db.username}@${resources.db.host}:${resources.db.port}", "app@${DB_HOST}:5432");
    assert_text("${resources.db.options.mode}", "fast");
    assert_text("${resources.db.options.pool.size}", "5");
}

#[test]
fn nothing_is_expanded_twice() {
    assert_text("${metadata.template}", "${metadata.name}");
    assert_text("${resources.db.host}", "${DB_HOST}");
}

#[test]
fn a_resource_without_outputs_is_waited_for() {
    assert_error(
        "${resources.late.host}",
        "ref 'resources.late.host' waits for resource 'late': it has no outputs yet",
    );
}

#[test]
fn a_missing_output_is_reported_with_those_that_there_are() {
    assert_error(
        "${resources.db.hots}",
        "invalid ref 'resources.db.hots' to resource 'db': key 'hots' not found; \
         it has the outputs host, options, password, port, tls, username",
    );
    assert_error(
        "${resources.empty.host}",
        "invalid ref 'resources.empty.host' to resource 'empty': key 'host' not found; it has no outputs",
    );
}

#[test]
fn keys_that_lead_nowhere_inside_an_output_are_reported() {
    assert_error(
        "${resources.db.options.speed}",
        "invalid ref 'resources.db.options.speed' to resource 'db': key 'speed' not found in the output",
    );
    assert_error(
        "${resources.db.host.name}",
        "invalid ref 'resources.db.host.name' to resource 'db': cannot lookup key 'name', context is not a map",
    );
    assert_error(
        "${resources.db.password.length}",
        "invalid ref 'resources.db.password.length' to resource 'db': cannot lookup key 'length', \
         the output is secret and can only be used as a whole",
    );
}

#[test]
fn the_three_kinds_of_failure_can_be_told_apart() {
    let metadata = metadata();
    let scope = Scope::new(&metadata, ["db", "late"]);
    assert!(Template::parse("${resources.none.host}").bind(&scope).is_err());
    let why = |text: &str| {
        let bound = Template::parse(text).bind(&scope).unwrap();
        let [UnresolvedReference { why, .. }] =
            <[_; 1]>::try_from(bound.resolve(&outputs()).unwrap_err()).unwrap();
        why
    };
    assert_eq!(why("${resources.late.host}"), Why::Pending);
    assert!(
        matches!(why("${resources.db.none}"), Why::NoSuchOutput { key, available } if key == "none" && available.len() == 6)
    );
}

#[test]
fn a_secret_output_is_never_text() {
    assert_eq!(substituted("${resources.db.password}"), Ok(Text::Segments(vec![secret()])));
}

#[test]
fn text_around_a_secret_is_merged() {
    let text = "postgres://${resources.db.username}:${resources.db.password}@$$${resources.db.port}/${metadata.name}";
    let expected = vec![value("postgres://app:"), secret(), value("@$5432/test-name")];
    assert_eq!(substituted(text), Ok(Text::Segments(expected)));
}

#[test]
fn neighbouring_secrets_have_no_empty_text_between_them() {
    let text = "${resources.db.password}${resources.db.password}";
    assert_eq!(substituted(text), Ok(Text::Segments(vec![secret(), secret()])));
}

#[test]
fn an_output_that_is_neither_value_nor_secret_is_no_output() {
    let metadata = metadata();
    let bound = Template::parse("${resources.db.odd}").bind(&Scope::new(&metadata, ["db"])).unwrap();
    let odd = Output { value: None, secret_key_ref: None };
    let outputs = Outputs::from([(key("db"), BTreeMap::from([("odd".to_owned(), odd)]))]);
    assert!(matches!(bound.resolve(&outputs).unwrap_err()[0].why, Why::NoSuchOutput { .. }));
}

#[test]
fn a_reference_to_a_resource_as_a_whole_is_for_volumes() {
    let metadata = metadata();
    let scope = Scope::new(&metadata, ["db", "x"]);
    let bound = |text| Template::parse(text).bind_resource(&scope).map_err(|invalid| invalid.to_string());
    assert_eq!(bound("${resources.db}"), Ok(Some(key("db"))));
    for other in [
        "",
        "db",
        "${resources.db.host}",
        "${resources.db} ",
        "$${resources.db}",
        "${metadata.name}",
        "${resources}",
    ] {
        assert_eq!(bound(other), Ok(None), "{other}");
    }
    assert_eq!(
        bound("${resources.none}"),
        Err("invalid ref 'resources.none': no known resource 'none'".to_owned())
    );
    assert_eq!(
        bound("${resources.x}"),
        Err("invalid ref 'resources.x': the name of resource 'x' is not valid".to_owned())
    );
}

#[test]
fn very_many_placeholders_without_an_end_are_read_at_once() {
    // Were the end of each looked for, this test would take hours.
    for (text, literal) in [("${", "${"), ("$${", "${"), ("$${${", "${${")] {
        for end in ["", "}"] {
            let template = Template::parse(&format!("{end}{}", text.repeat(1_000_000)));
            assert_eq!(template.parts(), [Part::Literal(format!("{end}{}", literal.repeat(1_000_000)))]);
        }
    }
}

/// The grammar as the Score specification gives it: one regular expression, matched from left to right.
fn by_regular_expression(placeholder: &Regex, text: &str) -> String {
    let replaced = placeholder.replace_all(text, |found: &Captures<'_>| match &found[1] {
        escaped if escaped.starts_with('$') => found[0][1..].to_owned(),
        _ => format!("<{}>", &found[2]),
    });
    replaced.into_owned()
}

#[test]
fn random_texts_are_split_as_the_regular_expression_of_the_specification_does() {
    let placeholder = Regex::new(r"\$((?:\$?\{([^}]*)\})|\$)").unwrap();
    let alphabet = ['$', '$', '{', '}', 'a', '.', '\\', '\n', 'ü'];
    let mut rng = StdRng::seed_from_u64(7);
    for _ in 0..50_000 {
        let length = rng.random_range(0..12);
        let text: String = (0..length).map(|_| alphabet[rng.random_range(0..alphabet.len())]).collect();
        let template = Template::parse(&text);
        let split: String = template
            .parts()
            .iter()
            .map(|part| match part {
                Part::Literal(literal) => literal.clone(),
                Part::Reference(reference) => format!("<{}>", reference.raw),
            })
            .collect();
        assert_eq!(split, by_regular_expression(&placeholder, &text), "{text:?}");
        let neighbours =
            template.parts().windows(2).any(|pair| matches!(pair, [Part::Literal(_), Part::Literal(_)]));
        assert!(!neighbours, "{text:?} has two literals side by side: {template:?}");
    }
}
