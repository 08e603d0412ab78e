use super::*;
use crate::{
    fixtures::{PLAN, plan},
    validate::{Identity, validate},
};

/// The only volume of a container, of a resource with these outputs, or what is wrong with it.
fn volume(outputs: &str, more: &str) -> Result<ValidVolume, String> {
    let yaml = format!(
        "{PLAN}  containers:\n    web:\n      image: web:1\n      volumes: {{/data: {{claim: data, outputs: {outputs}{more}}}}}\n"
    );
    let plan = plan(&yaml);
    let valid = validate(Identity::of(&plan).unwrap(), &plan);
    valid.map(|valid| valid.containers[0].volumes[0].clone()).map_err(|problems| {
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems[0].clone()
    })
}

#[test]
fn what_pod_security_lets_everyone_mount_is_mounted() {
    for source in [
        "{configMap: {name: a, items: [{key: k, path: p}]}}",
        "{csi: {driver: example.org, volumeAttributes: {a: ''}}}",
        "{downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}",
        "{emptyDir: {}}",
        "{emptyDir: {medium: Memory, sizeLimit: 1Gi}}",
        "{ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}}",
        "{persistentVolumeClaim: {claimName: data, readOnly: null}}",
        "{projected: {sources: [{serviceAccountToken: {path: token}}]}}",
        "{secret: {secretName: a, defaultMode: 256}}",
    ] {
        let volume = volume(&format!("{{source: {source}, other: 1}}"), "").unwrap();
        assert!(matches!(volume.origin, Origin::Shared(_)), "{source}");
    }
}

#[test]
fn what_is_no_volume_or_not_for_everyone_is_refused_with_the_resource() {
    for (outputs, expected) in [
        ("{}", "has neither an output source nor an output claimSpec"),
        ("{source: {emptyDir: {}}, claimSpec: {}}", "has both"),
        ("{source: data}", "has an output source that is not an object"),
        ("{source: {}}", "does not name one kind of volume"),
        ("{source: {emptyDir: {}, secret: {secretName: a}}}", "does not name one kind of volume"),
        ("{source: {emptyDir: {}, name: mine}}", "does not name one kind of volume"),
        (
            "{source: {hostPath: {path: /}}}",
            "is a volume of the kind `hostPath`, which workloads may not mount",
        ),
        ("{source: {nfs: {server: a, path: /}}}", "of the kind `nfs`"),
        ("{source: {emptyDir: {size: 1Gi}}}", "is not understood in full"),
        ("{source: {persistentVolumeClaim: {}}}", "is not understood in full"),
        ("{source: {persistentVolumeClaim: [data]}}", "does not parse"),
    ] {
        let problem = volume(outputs, "").unwrap_err();
        let path = "spec.containers.web.volumes[\"/data\"].source: the resource data ";
        assert!(problem.starts_with(path) && problem.contains(expected), "{outputs}: {problem}");
    }
}

#[test]
fn a_volume_of_its_own_for_each_instance_needs_instances_that_are_told_apart() {
    let outputs = "{claimSpec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}";
    let problem = volume(outputs, "").unwrap_err();
    assert!(problem.contains("score.dev/kind"), "{problem}");
    assert!(volume("{claimSpec: {size: 1Gi}}", "").unwrap_err().contains("claimSpec that is not understood"));
}

#[test]
fn a_path_inside_the_volume_stays_inside() {
    let volume =
        |path: &str| volume("{source: {emptyDir: {}}}", &format!(", path: '{path}', readOnly: true"));
    let inside = volume("a/b..c").unwrap();
    assert_eq!((inside.path.as_deref(), inside.read_only), (Some("a/b..c"), true));
    assert_eq!(volume("").unwrap().path, None);
    for path in ["/a", "..", "a/../../b"] {
        assert!(
            volume(path).unwrap_err().starts_with("spec.containers.web.volumes[\"/data\"].path: "),
            "{path}"
        );
    }
}
