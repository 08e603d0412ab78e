//! The gRPC service by which planners are asked where a pod set goes (`proto/planner.proto`): messages, client, server.
//!
//! What asks is the controller of pod sets; what answers is anything behind a Service with the label of a planner, also
//! `podset-planner planner`. This crate knows nothing of either.

// What is generated says of each thing what its definition says, and of its modules and constructors nothing.
#[allow(missing_docs, clippy::all)]
mod generated {
    tonic::include_proto!("planner");
}

pub use generated::{
    SchedulePlanRequest, SchedulePlanResponse, schedule_planner_client, schedule_planner_server,
};

/// The definition of the service as an encoded `FileDescriptorSet`, for reflection.
pub const DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/planner.bin"));

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use tonic::server::NamedService;

    use super::*;

    fn is_named<S: NamedService>(_: impl Fn() -> Option<S>, name: &str) -> bool {
        S::NAME == name
    }

    struct Nobody;

    #[tonic::async_trait]
    impl schedule_planner_server::SchedulePlanner for Nobody {
        async fn build_schedule_plan(
            &self,
            _: tonic::Request<SchedulePlanRequest>,
        ) -> Result<tonic::Response<SchedulePlanResponse>, tonic::Status> {
            Err(tonic::Status::unimplemented(""))
        }
    }

    #[test]
    fn the_service_has_the_name_that_its_users_know() {
        let none = || None::<schedule_planner_server::SchedulePlannerServer<Nobody>>;
        assert!(is_named(none, "planner.SchedulePlanner"));
        assert!(DESCRIPTOR.windows(17).any(|part| part == b"BuildSchedulePlan"));
    }

    #[test]
    fn messages_are_on_the_wire_as_their_users_know_them() {
        let request = SchedulePlanRequest {
            namespace: "a".into(),
            pod_set: "b".into(),
            scheduled_pod: "c".into(),
            eligible_nodes: vec!["d".into(), "e".into()],
        };
        let wire = b"\x0a\x01a\x12\x01b\x1a\x01c\x22\x01d\x22\x01e";
        assert_eq!(request.encode_to_vec(), wire);
        let wire = b"\x0a\x06\x0a\x01p\x12\x01n".as_slice();
        let response = SchedulePlanResponse::decode(wire).unwrap();
        assert_eq!(response.assignments["p"], "n");
    }
}
