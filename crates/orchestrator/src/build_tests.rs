use api_types::Output;
use serde_json::json;

use super::*;

/// What a resource of this type with this output `url` says in the plan.
fn url(type_: &str, output: Output) -> Option<String> {
    let workload: Workload = serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "team", "uid": "u", "generation": 1},
        "spec": {"containers": {"main": {"image": "web:1"}}, "resources": {"entry": {"type": type_}}},
    }))
    .unwrap();
    let valid = score_spec::validate::validate(&workload).unwrap();
    let dependency = Dependency {
        claim: None,
        summary: status::waiting("entry", String::new()),
        outputs: Some([("url".to_owned(), output)].into()),
        revision: None,
    };
    public_url(&valid.resources["entry"], &dependency)
}

#[test]
fn a_route_and_a_dns_name_make_a_workload_reachable() {
    for type_ in ["route", "dns"] {
        let found = url(type_, Output::value("https://shop.example.com/x"));
        assert_eq!(found.as_deref(), Some("https://shop.example.com/x"));
    }
    assert_eq!(url("postgres", Output::value("https://shop.example.com")), None);
}

#[test]
fn only_an_absolute_web_address_that_is_no_secret_is_one() {
    for text in ["shop.example.com", "/x", "ftp://shop.example.com", "postgres://db", "http://", ""] {
        assert_eq!(url("route", Output::value(text)), None, "{text}");
    }
    assert_eq!(url("route", Output::value(80)), None);
    assert_eq!(url("route", Output::secret("route", "url")), None);
    let both = Output { value: Some("https://shop.example.com".into()), ..Output::secret("route", "url") };
    assert_eq!(url("route", both), None);
}
