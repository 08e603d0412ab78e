//! Filling in a chart.

use std::{fs, io, path::Path, time::Duration};

use resource_template::shortened_to;

use super::{
    LONGEST, Order, Trouble,
    tool::{Ended, Tool},
};

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(20);

/// What the chart at `package` comes to with all that `order` gives it.
///
/// It is filled in twice: a chart that makes passwords or certificates makes other ones each time, and cannot find again
/// what it made before.
///
/// # Errors
/// If Helm cannot be run, or its folder not be used.
pub(super) fn fill(tool: &Tool, order: &Order, package: &Path) -> io::Result<Result<String, Trouble>> {
    let scratch = tool.scratch()?;
    let values = scratch.path().join("values.json");
    fs::write(&values, order.given.values.to_string())?;
    let arguments = template(order, package, &values);
    let once = || tool.run(scratch.path(), &arguments, LIMIT);
    Ok(match (once()?, once()?) {
        (Ended::Well(first), Ended::Well(second)) if first == second => Ok(first),
        (Ended::Well(_), Ended::Well(_)) => Err(Trouble::Unfit(
            "gives something else each time it is filled in, so it generates values of its own, and would generate new \
             ones without end: set these under `helm.values`, or let it refer to credentials that are made under \
             `manifests`"
                .to_owned(),
        )),
        (Ended::Late, _) | (_, Ended::Late) => {
            Err(Trouble::Other(format!("takes longer than {} s to fill in", LIMIT.as_secs())))
        }
        (Ended::Badly(why), _) | (_, Ended::Badly(why)) => {
            Err(Trouble::Unfit(format!("cannot be filled in: Helm says `{}`", shortened_to(LONGEST, &why))))
        }
    })
}

/// The arguments by which Helm fills in the chart at `package` with the `values` in a file.
fn template(order: &Order, package: &Path, values: &Path) -> Vec<String> {
    vec![
        "template".to_owned(),
        order.given.release.clone(),
        package.display().to_string(),
        format!("--namespace={}", order.given.namespace),
        format!("--values={}", values.display()),
        format!("--kube-version={}", order.kube_version),
        format!("--api-versions={}", order.api_versions.join(",")),
        // They are for people who run `helm test`. Other hooks are shown, and refused.
        "--skip-tests".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use resource_template::{ChartInputs, Declaration};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_workload_brings_is_in_a_file_and_never_an_argument() {
        let declaration = json!({"helm": {"chart": "oci://charts.example.com/cache", "version": "1.2.3"}});
        let declaration = Declaration::read(declaration.as_object().unwrap()).unwrap();
        let values = json!({"text": "--post-renderer=/bin/sh"});
        let order = Order {
            chart: declaration.helm().unwrap().clone(),
            given: ChartInputs { release: "shop-cache".to_owned(), namespace: "team".to_owned(), values },
            kube_version: "v1.36.0".to_owned(),
            api_versions: vec!["apps/v1".to_owned(), "apps/v1/Deployment".to_owned()],
        };
        let arguments = template(&order, Path::new("/charts/chart.tgz"), Path::new("/w/values.json"));
        assert_eq!(
            arguments.join(" "),
            "template shop-cache /charts/chart.tgz --namespace=team --values=/w/values.json --kube-version=v1.36.0 \
             --api-versions=apps/v1,apps/v1/Deployment --skip-tests"
        );
    }
}
