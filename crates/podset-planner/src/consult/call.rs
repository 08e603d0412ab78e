//! Asks one planner, of whom nothing is known: it may be slow, endless, too large, or lie.

use std::{collections::BTreeMap, error::Error, iter::successors};

use planner_api::{
    SchedulePlanRequest, SchedulePlanResponse, schedule_planner_client::SchedulePlannerClient,
};
use pod_planner::NodeName;
use tonic::{Response, Status, transport::Endpoint};

use crate::text;

/// The largest answer that is read, in bytes: some ten thousand pods and nodes with long names.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// The largest headers and trailers that are read, in bytes.
const MAX_HEADERS: u32 = 16 * 1024;
/// The longest name of an object, in bytes.
const MAX_NAME: usize = 253;
/// How much of a foreign text is repeated, in characters.
const SHOWN: usize = 120;

/// What the planner at `url` answers to `request`, else why that is no answer: the rest of a sentence about it, with
/// nothing in it that could not stand in a status. It may take for ever: drop it, and the planner is told that nobody waits.
pub(super) async fn call(
    url: String,
    request: SchedulePlanRequest,
) -> Result<BTreeMap<String, NodeName>, String> {
    let endpoint = Endpoint::from_shared(url).map_err(|error| unreachable(&error))?;
    let channel = endpoint.http2_max_header_list_size(MAX_HEADERS).connect().await;
    let channel = channel.map_err(|error| unreachable(&error))?;
    let mut client = SchedulePlannerClient::new(channel).max_decoding_message_size(MAX_ANSWER);
    let response = client.build_schedule_plan(request).await;
    read(response.map(Response::into_inner).map_err(|status| refused(&status))?)
}

fn unreachable(error: &tonic::transport::Error) -> String {
    let cause = successors(Some(error as &dyn Error), |&error| error.source()).last();
    format!("cannot be reached: {}", shown(&cause.map(ToString::to_string).unwrap_or_default()))
}

fn refused(status: &Status) -> String {
    format!("failed with {:?}: {}", status.code(), shown(status.message()))
}

/// What stands in the response, if all of it could be names.
fn read(response: SchedulePlanResponse) -> Result<BTreeMap<String, NodeName>, String> {
    let names = response.assignments.iter().flat_map(|(pod, node)| [pod, node]);
    match names.filter(|name| !is_name(name)).min() {
        Some(odd) => Err(format!("names `{}`, which is not a valid name of a pod or node", shown(odd))),
        None => Ok(response.assignments.into_iter().collect()),
    }
}

/// Whether `name` could be the name of a pod or node.
fn is_name(name: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_plain)
}

/// The beginning of a text that a planner wrote, as one line.
fn shown(text: &str) -> String {
    text::shown(text, SHOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(pairs: &[(&str, &str)]) -> SchedulePlanResponse {
        let pairs = pairs.iter().map(|(pod, node)| ((*pod).to_owned(), (*node).to_owned()));
        SchedulePlanResponse { assignments: pairs.collect() }
    }

    #[test]
    fn an_answer_is_read_as_it_is() {
        let read = read(response(&[("a", "n1"), ("b", "node-2.example.com")])).unwrap();
        assert_eq!(
            read.into_iter().collect::<Vec<_>>(),
            [("a".to_owned(), "n1".to_owned()), ("b".to_owned(), "node-2.example.com".to_owned()),]
        );
        assert!(super::read(response(&[])).unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_a_name_makes_the_whole_answer_useless_and_is_shown_in_part() {
        let long = "n".repeat(100_000);
        for (pod, node) in
            [("", "n1"), ("a", ""), ("a", "n1\nReady: True"), ("a", "N1"), ("a/b", "n1"), ("a", &*long)]
        {
            let why = read(response(&[(pod, node), ("ok", "n1")])).unwrap_err();
            assert!(why.starts_with("names `") && why.len() < 300 && !why.contains('\n'), "{why}");
        }
    }

    #[test]
    fn of_a_foreign_text_one_line_is_shown() {
        let status = Status::internal(format!("\u{1b}[31m\nfake: True {}", "ä".repeat(10_000)));
        let why = refused(&status);
        assert!(why.starts_with("failed with Internal: ") && why.ends_with('…'), "{why}");
        assert!(!why.contains(char::is_control) && why.chars().count() < 200, "{why}");
    }
}
