//! One trace from the object that a user wrote to the last object that any controller made of it.

use std::{collections::HashMap, error::Error, iter::successors};

use api_types::metadata::ANNOTATION_TRACEPARENT;
use kube::{Resource, ResourceExt as _};
use opentelemetry::{Context, propagation::TextMapPropagator as _, trace::TraceContextExt as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const HEADER: &str = "traceparent";

/// A span for one reconcile of `object` by `controller`. It continues the trace in the object's
/// `score.dev/traceparent` annotation if there is one, else it starts a new trace. It is meant for [`reconcile_in`].
pub fn reconcile_span<K: Resource<DynamicType = ()>>(controller: &'static str, object: &K) -> Span {
    let kind = K::kind(&());
    let span = tracing::info_span!(
        // k8s-controller's own span of the same reconcile knows nothing of the trace, so it is no parent to this.
        parent: None,
        "reconcile",
        otel.name = format!("{controller} {kind}"),
        controller,
        kind = &*kind,
        namespace = object.namespace().unwrap_or_default(),
        name = object.name_any(),
        generation = object.meta().generation.unwrap_or_default(),
    );
    if let Some(parent) = object.annotations().get(ANNOTATION_TRACEPARENT).and_then(|text| parse(text)) {
        // Fails only if no traces are exported, and then nothing is to be continued.
        let _ = span.set_parent(parent);
    }
    span
}

/// Runs one reconcile in its span. A failure is logged there with everything that caused it: the line that k8s-controller
/// writes of it names only what is outermost, which tells nobody what to mend.
///
/// # Errors
/// Those of the reconcile.
pub async fn reconcile_in<T, E: Error>(
    span: Span,
    reconcile: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let logged = async {
        reconcile.await.inspect_err(|error| tracing::warn!(causes = causes(error), "the reconcile failed"))
    };
    logged.instrument(span).await
}

/// An error and what caused it, outermost first, without what says the same as the one before.
fn causes<E: Error>(error: &E) -> String {
    let chain = successors(Some(error as &dyn Error), |&error| error.source());
    let mut causes: Vec<String> = chain.map(ToString::to_string).collect();
    causes.dedup();
    causes.join(": ")
}

/// The W3C `traceparent` of the current span, if it is sampled.
pub fn current_traceparent() -> Option<String> {
    let context = Span::current().context();
    if !context.span().span_context().is_sampled() {
        return None;
    }
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    carrier.remove(HEADER)
}

fn parse(traceparent: &str) -> Option<Context> {
    let carrier = HashMap::from([(HEADER.to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    let valid = context.span().span_context().is_valid();
    valid.then_some(context)
}

#[cfg(test)]
#[path = "trace_tests.rs"]
mod tests;
