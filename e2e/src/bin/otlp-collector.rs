//! Takes traces by OTLP over gRPC and prints each span as a line of JSON, for the tests to look at.

use std::io::Write as _;
use std::net::SocketAddr;

use clap::Parser;
use e2e::traces::Span;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use tokio::io::AsyncReadExt as _;
use tonic::{Request, Response, Status};

/// Prints the spans that it is sent, until its standard input ends.
#[derive(Parser)]
struct Args {
    /// Where to listen.
    #[arg(long)]
    listen: SocketAddr,
}

struct Collector;

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let lines: String =
            request.into_inner().resource_spans.into_iter().flat_map(spans).map(line).collect();
        std::io::stdout().write_all(lines.as_bytes()).map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn line(span: Span) -> String {
    serde_json::to_string(&span).map(|line| line + "\n").unwrap_or_default()
}

fn spans(of_resource: ResourceSpans) -> Vec<Span> {
    let resource = of_resource.resource.unwrap_or_default();
    let service = resource.attributes.iter().find(|attribute| attribute.key == "service.name");
    let service = match service.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Value::StringValue(service)) => service,
        _ => String::new(),
    };
    let all = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
    all.map(|span| Span {
        service: service.clone(),
        name: span.name.clone(),
        trace: span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect(),
        content: format!("{resource:?} {span:?}"),
    })
    .collect()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let listener = tokio::net::TcpListener::bind(args.listen).await?;
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    println!("listening on {}", args.listen);
    tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(Collector))
        .serve_with_incoming_shutdown(incoming, input_ends())
        .await?;
    Ok(())
}

async fn input_ends() {
    let mut rest = Vec::new();
    drop(tokio::io::stdin().read_to_end(&mut rest).await);
}
