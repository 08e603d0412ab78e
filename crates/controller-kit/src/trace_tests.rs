use k8s_openapi::api::core::v1::ConfigMap;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing::{Dispatch, dispatcher::with_default};
use tracing_subscriber::{Registry, layer::SubscriberExt as _};

use super::*;
use crate::telemetry::traces;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Runs `work` with traces as the process sets them up, and returns the spans that would be exported.
fn exported(work: impl FnOnce()) -> Vec<SpanData> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let subscriber = Registry::default().with(traces(&provider, "score-test"));
    with_default(&Dispatch::new(subscriber), work);
    provider.force_flush().unwrap();
    exporter.get_finished_spans().unwrap()
}

fn object(traceparent: Option<&str>) -> ConfigMap {
    let mut map = ConfigMap::default();
    map.metadata.name = Some("a".into());
    if let Some(traceparent) = traceparent {
        map.annotations_mut().insert(ANNOTATION_TRACEPARENT.into(), traceparent.into());
    }
    map
}

#[test]
fn a_reconcile_continues_the_trace_of_its_object() {
    let mut traceparent = None;
    let spans = exported(|| {
        let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
        reconcile_span("score-test", &object(Some(&parent))).in_scope(|| traceparent = current_traceparent());
    });
    let [span] = spans.try_into().unwrap();
    assert_eq!(span.span_context.trace_id().to_string(), TRACE);
    assert_eq!(span.parent_span_id.to_string(), "b7ad6b7169203331");
    assert_eq!(span.name, "score-test ConfigMap");
    assert_eq!(traceparent, Some(format!("00-{TRACE}-{}-01", span.span_context.span_id())));
}

#[test]
fn a_reconcile_of_an_object_without_trace_starts_one() {
    for traceparent in
        [None, Some(""), Some("nonsense"), Some("00-00000000000000000000000000000000-0000000000000000-01")]
    {
        let spans = exported(|| reconcile_span("score-test", &object(traceparent)).in_scope(|| ()));
        assert!(spans[0].span_context.is_valid());
        assert_eq!(spans[0].parent_span_id, opentelemetry::trace::SpanId::INVALID);
    }
}

#[test]
fn the_spans_of_libraries_are_neither_exported_nor_parents() {
    let spans = exported(|| {
        tracing::info_span!(target: "k8s_controller::controller", "reconcile").in_scope(|| {
            reconcile_span("score-test", &object(None)).in_scope(|| {
                tracing::info_span!(target: "kube_client::client", "HTTP").in_scope(|| {
                    tracing::info_span!("step").in_scope(|| ());
                });
            });
        });
    });
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    assert_eq!(names, ["step", "score-test ConfigMap"]);
    assert_eq!(spans[0].parent_span_id, spans[1].span_context.span_id());
}

#[test]
fn a_trace_that_was_not_sampled_stays_unsampled() {
    let mut traceparent = None;
    let parent = format!("00-{TRACE}-b7ad6b7169203331-00");
    let spans = exported(|| {
        reconcile_span("score-test", &object(Some(&parent))).in_scope(|| traceparent = current_traceparent());
    });
    assert_eq!((spans.len(), traceparent), (0, None));
}

#[test]
fn there_is_no_traceparent_without_traces() {
    assert_eq!(current_traceparent(), None);
    reconcile_span("score-test", &object(None)).in_scope(|| assert_eq!(current_traceparent(), None));
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("failed to write")]
    Write(#[source] std::io::Error),
    #[error(transparent)]
    Same(Box<Failure>),
}

#[test]
fn a_failure_is_told_with_everything_that_caused_it_and_nothing_twice() {
    let cause = std::io::Error::other("the server says no");
    let failure = Failure::Same(Box::new(Failure::Write(cause)));
    assert_eq!(causes(&failure), "failed to write: the server says no");
}
