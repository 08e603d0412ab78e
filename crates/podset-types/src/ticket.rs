//! What a pod carries that was released to a scheduler which asks the planner's extender.

use std::fmt::{self, Display};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

use crate::Enforcement;

/// On a pod of a set that [`SCHEDULER`](crate::SCHEDULER) is to bind: its [`Ticket`], as JSON. Written by the planner.
pub const ANNOTATION_TICKET: &str = "planner.ciena.io/ticket";

/// One pod is released, to one node.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Ticket {
    /// `metadata.uid` of the pod. A ticket of another pod, copied into a template for example, is worth nothing.
    pub uid: String,
    /// The node planned for it.
    pub node: String,
    /// Whether it may go elsewhere if it must.
    pub enforcement: Enforcement,
}

impl Ticket {
    /// The ticket that the pod with this metadata carries, if it is valid.
    pub fn of(metadata: &ObjectMeta) -> Option<Self> {
        let text = metadata.annotations.as_ref()?.get(ANNOTATION_TICKET)?;
        let ticket: Self = serde_json::from_str(text).ok()?;
        let is_its_own = metadata.uid.as_ref() == Some(&ticket.uid);
        (is_its_own && !ticket.uid.is_empty() && !ticket.node.is_empty()).then_some(ticket)
    }
}

/// The value of the annotation.
impl Display for Ticket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", serde_json::json!(self))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn ticket() -> Ticket {
        Ticket { uid: "u".to_owned(), node: "n1".to_owned(), enforcement: Enforcement::Pin }
    }

    fn carrying(text: &str, uid: &str) -> ObjectMeta {
        ObjectMeta {
            uid: Some(uid.to_owned()),
            annotations: Some(BTreeMap::from([(ANNOTATION_TICKET.to_owned(), text.to_owned())])),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let text = ticket().to_string();
        assert_eq!(text, r#"{"enforcement":"Pin","node":"n1","uid":"u"}"#);
        assert_eq!(Ticket::of(&carrying(&text, "u")), Some(ticket()));
    }

    #[test]
    fn a_ticket_of_another_pod_or_one_that_cannot_be_read_is_none() {
        assert_eq!(Ticket::of(&carrying(&ticket().to_string(), "v")), None);
        assert_eq!(Ticket::of(&ObjectMeta::default()), None);
        for text in [
            "",
            "n1",
            "{}",
            r#"{"uid":"u","node":"n1"}"#,
            r#"{"uid":"u","node":"","enforcement":"Pin"}"#,
            r#"{"uid":"u","node":"n1","enforcement":"pin"}"#,
            r#"{"uid":"u","node":"n1","enforcement":"Pin","more":1}"#,
        ] {
            assert_eq!(Ticket::of(&carrying(text, "u")), None, "{text}");
        }
        let nobodys = r#"{"uid":"","node":"n1","enforcement":"Pin"}"#;
        assert_eq!(Ticket::of(&carrying(nobodys, "")), None);
    }
}
