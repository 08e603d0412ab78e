//! Label selectors, as Kubernetes writes them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube::core::Selector;
use serde_json::Value;

use crate::{
    errors::Errors,
    reader::{Fields, Node},
};

/// `{matchLabels, matchExpressions}`, of which at least one must be there.
pub(super) fn read(node: &Node<'_>, errors: &mut Errors) -> Option<Selector> {
    node.fields(errors, |fields, errors| of_fields(node, fields, errors))
}

/// The selector among the fields of a map that may have others too.
pub(super) fn of_fields(node: &Node<'_>, fields: &mut Fields<'_>, errors: &mut Errors) -> Option<Selector> {
    let labels = fields.optional("matchLabels");
    let expressions = fields.optional("matchExpressions");
    if labels.is_none() && expressions.is_none() {
        errors.add(&node.path, "selects nothing in particular: add matchLabels or matchExpressions");
    }
    let match_labels = labels.map(|labels| {
        let map = labels.object(errors).unwrap_or_default().0;
        let label = |(key, value): (String, Value)| {
            let value = Node { path: labels.path.key(&key), value: &value }.text(errors)?.to_owned();
            Some((key, value))
        };
        map.into_iter().filter_map(label).collect()
    });
    let match_expressions = expressions.map(|expressions| expressions.list(errors, requirement));
    let selector = LabelSelector { match_labels, match_expressions };
    errors.keep(Selector::try_from(selector), &node.path)
}

fn requirement(node: &Node<'_>, errors: &mut Errors) -> Option<LabelSelectorRequirement> {
    node.fields(errors, |fields, errors| {
        let key = fields.required("key", errors).and_then(|key| key.text(errors));
        let operator = fields.required("operator", errors);
        let text = operator.as_ref().and_then(|operator| operator.text(errors));
        let values = fields
            .optional("values")
            .map(|values| values.list(errors, |value, errors| value.text(errors).map(str::to_owned)));
        let (operator, text) = (operator?, text?);
        let wants_values = match text {
            "In" | "NotIn" => true,
            "Exists" | "DoesNotExist" => false,
            _ => {
                errors.add(
                    &operator.path,
                    "must be one of `In`, `NotIn`, `Exists`, `DoesNotExist`: correct it",
                );
                return None;
            }
        };
        let has_values = values.as_ref().is_some_and(|values| !values.is_empty());
        if wants_values != has_values {
            let wanted =
                if wants_values { "needs at least one value: add it" } else { "takes none: remove them" };
            errors.add(&fields.path_of("values"), format_args!("`{text}` {wanted}"));
            return None;
        }
        Some(LabelSelectorRequirement { key: key?.to_owned(), operator: text.to_owned(), values })
    })
}
