//! What is remembered, and for how long.

use resource_template::{ChartInputs, Declaration};
use serde_json::json;

use super::*;

fn order(values: &serde_json::Value) -> Order {
    let declaration = json!({"helm": {"chart": "oci://charts.example.com/cache", "version": "1.2.3"}});
    let declaration = Declaration::read(declaration.as_object().unwrap()).unwrap();
    Order {
        chart: declaration.helm().unwrap().clone(),
        given: ChartInputs {
            release: "shop-cache".to_owned(),
            namespace: "team".to_owned(),
            values: values.clone(),
        },
        kube_version: "v1.36.0".to_owned(),
        api_versions: Vec::new(),
    }
}

fn filling(text: &str) -> Result<Arc<Filling>, Trouble> {
    Ok(Arc::new(Filling { text: text.to_owned(), about: String::new() }))
}

#[test]
fn what_a_chart_came_to_is_remembered_until_it_is_given_something_else() {
    let fillings = Fillings::default();
    let (one, other) = (order(&json!({"a": 1})), order(&json!({"a": 2})));
    assert_eq!(fillings.get(&one), None);
    fillings.keep(&one, filling("one"));
    assert_eq!(fillings.get(&one), Some(filling("one")));
    assert_eq!(fillings.get(&other), None);
    assert_eq!(fillings.get(&Order { kube_version: "v1.37.0".to_owned(), ..one.clone() }), None);
    fillings.keep(&other, filling("other"));
    assert_eq!(fillings.get(&one), None, "only the last of a claim");
}

#[test]
fn what_is_remembered_has_an_end() {
    let fillings = Fillings::default();
    for number in 0..40 {
        let mut order = order(&json!({}));
        order.given.release = format!("r-{number}");
        fillings.keep(&order, filling(&"x".repeat(1024 * 1024)));
    }
    let known = fillings.0.lock().unwrap();
    assert!(known.len() < 40 && !known.is_empty(), "{}", known.len());
}
