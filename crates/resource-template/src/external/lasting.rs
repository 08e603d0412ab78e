//! What of a resource behind an API cannot change once it is made.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::request::RequestTemplate;
use crate::inputs::Inputs;

/// The names of what `create` reads and `update` does not.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Lasting(BTreeSet<String>);

impl Lasting {
    /// Of a declaration with these requests.
    ///
    /// # Errors
    /// If it cannot be told what of a name in `create` is in `update`.
    pub fn of(create: &RequestTemplate, update: Option<&RequestTemplate>) -> Result<Self, String> {
        let Some(update) = update else { return Ok(Self::default()) };
        let passed_on = update.names();
        let mut lasting = create.names();
        lasting.retain(|name| !passed_on.iter().any(|other| is_within(name, other)));
        match lasting.iter().find(|whole| passed_on.iter().any(|part| is_within(part, whole))) {
            Some(whole) => Err(format!(
                "uses parts of `{whole}`, and `create` uses all of it: use the same parts in both, so that the \
                 provisioner knows what cannot change"
            )),
            None => Ok(Self(lasting)),
        }
    }

    /// The values of these names.
    pub fn values(&self, inputs: &Inputs) -> BTreeMap<String, Value> {
        let value = |name: &String| {
            let mut steps = name.split('.');
            let root = inputs.plain.get(steps.next().unwrap_or_default());
            let found = steps.try_fold(root?, |value, step| value.get(step));
            Some((name.clone(), found.cloned().unwrap_or_default()))
        };
        self.0.iter().filter_map(value).collect()
    }
}

/// Whether `name` is `whole`, or a part of it.
fn is_within(name: &str, whole: &str) -> bool {
    name.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use api_types::ResourceClaim;
    use serde_json::json;

    use crate::declaration::Declaration;

    use super::*;

    /// What lasts of a resource with these requests, for a claim with these params.
    fn lasting(create: &Value, update: &Value, params: &Value) -> Value {
        let parameters = json!({
            "values": {"tier": "fast"},
            "externalApi": {
                "url": "https://api.example.com", "headers": {"X-For": "{{ params.owner }}"}, "create": create,
                "read": {"path": "/{{ remote.id }}"}, "update": update, "delete": {"path": "/{{ remote.id }}"},
            },
        });
        let declaration = Declaration::read(parameters.as_object().unwrap()).unwrap();
        let claim: ResourceClaim = serde_json::from_value(json!({
            "metadata": {"namespace": "team", "name": "shop-it", "uid": "u"},
            "spec": {
                "workloadRef": {"name": "shop", "uid": "w"}, "key": "it", "type": "any", "class": "default",
                "provisioner": "p", "deprovisionPolicy": "Delete", "params": params,
            },
        }))
        .unwrap();
        json!(declaration.external_api().unwrap().lasting(&declaration.inputs(&claim).unwrap()))
    }

    #[test]
    fn what_a_creation_names_and_an_update_does_not_lasts() {
        let create = json!({
            "path": "/{{ params.region }}", "query": {"name": "{{ claim.name }}"}, "headers": {"X-A": "{{ params.a }}"},
            "body": {"tier": "{{ values.tier }}", "size": "{{ params.size | default(1) }}", "p": "{{ generated('p') }}"},
        });
        let params = json!({"region": "eu", "size": 7});
        let update = json!({"body": {"size": "{{ params.size | default(1) }}"}});
        let expected =
            json!({"params.region": "eu", "claim.name": "shop-it", "params.a": null, "values.tier": "fast"});
        assert_eq!(lasting(&create, &update, &params), expected);
        let update = json!({"path": "/{{ remote.id }}", "body": ["{{ params }}", "{{ values }}"]});
        assert_eq!(lasting(&create, &update, &params), json!({"claim.name": "shop-it"}));
        assert_eq!(lasting(&create, &Value::Null, &params), json!({}));
    }
}
