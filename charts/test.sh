#!/usr/bin/env bash
# Tests the charts: one line per check, and the count in the last line.
#
# Needs helm (hack/tools/install.sh helm) and jq. With TEST_KUBECONFIG it also asks that
# cluster's API server, in a dry run, to take every manifest.
set -euo pipefail

CHARTS=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck disable=SC2034 # lib.sh uses it
NAMESPACE=score-system # docs/charts.md: where the charts are installed
CONTROLLERS=(orchestrator runtime-kubernetes provisioner-postgres provisioner-template podset-planner)
WORK=$(mktemp --directory)
# shellcheck source=charts/lib.sh
source "$CHARTS/lib.sh"
# shellcheck source=charts/checks.sh
source "$CHARTS/checks.sh"
# shellcheck source=charts/server-checks.sh
source "$CHARTS/server-checks.sh"

test_crds() {
  check "crds: helm lint" quiet_helm lint --strict "$CHARTS/crds"
  check "crds: ships every kind of score.dev, kept on uninstall" all_kinds_are_kept crds score.dev
  check "podset-planner: ships its kinds, kept on uninstall" all_kinds_are_kept podset-planner planner.ciena.io
  check "crds: refuses values" refuses crds '{"unknown": true}'
  check "crds: version is the workspace's" version_is_the_workspaces crds
  check "crds: all of it is part of score-orchestrator" everything_is_part_of score-orchestrator crds
}

test_controller() {
  local chart=$1 system=score-orchestrator values
  [ "$chart" != podset-planner ] || system=podset-planner
  for values in "$CHARTS/$chart"/ci/*-values.yaml; do
    local case
    case="$chart, $(basename "$values" -values.yaml) values"
    check "$case: helm lint" quiet_helm lint --strict "$CHARTS/$chart" --values "$values"
    check "$case: helm template" render "$chart" "$values"
    check "$case: restricted Pod Security" pods_are_restricted "$chart" "$values"
    check "$case: probes, requests and limits" pods_are_operable "$chart" "$values"
  done
  check "$chart: version is the workspace's" version_is_the_workspaces "$chart"
  check "$chart: a packaged chart renders the same" package_renders_the_same "$chart"
  check "$chart: every value is documented" every_value_is_documented "$chart"
  check "$chart: every value is tried in ci/ with effect" every_value_has_an_effect "$chart"
  check "$chart: every misspelt value is refused" every_misspelt_value_is_refused "$chart"
  check "$chart: two replicas without a lease are refused" \
    refuses "$chart" '{"replicas": 2, "leaderElection": false}'
  check "$chart: an image without a name is refused" refuses "$chart" '{"image": {"repository": ""}}'
  check "$chart: a negative number of replicas is refused" refuses "$chart" '{"replicas": -1}'
  check "$chart: all of it is part of $system" \
    everything_is_part_of "$system" "$chart" "$CHARTS/$chart/ci/full-values.yaml"
  check "$chart: an image is run by its digest" images_are_pinned "$chart"
  check "$chart: a digest that is none is refused" refuses "$chart" '{"image": {"digest": "sha256:1234"}}'
  check "$chart: pods have the priority and the spread that values name, and none otherwise" pods_are_placed "$chart"
  check "$chart: a spread that selects no pods is refused" refuses "$chart" \
    '{"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]}'
  check "$chart: the schema is the one of all controllers" schema_is_shared "$chart"
  check "$chart: a reason above every rule" every_rule_has_a_reason "$chart"
  check "$chart: no wildcard in a rule" no_rule_has_a_wildcard "$chart"
}

main() {
  local chart served=(--api-versions admissionregistration.k8s.io/v1/MutatingAdmissionPolicy)
  trap 'rm -rf "$WORK"' EXIT
  make_converter
  test_crds
  for chart in "${CONTROLLERS[@]}"; do
    test_controller "$chart"
  done
  check "only provisioners may touch Secrets" secrets_are_for_provisioners
  check "podset-planner: the planner that answers others only reads" answering_planner_only_reads
  check "podset-planner: pods are held by gates where the API server can give them" \
    pods_are_held_by gates default "${served[@]}"
  check "podset-planner: pods are held by a scheduler where it cannot" pods_are_held_by extender default
  check "podset-planner: pods are held by a scheduler where values say so" \
    pods_are_held_by extender extender "${served[@]}"
  check "podset-planner: what gives pods their gates is part of it, too" \
    everything_is_part_of podset-planner podset-planner "$CHARTS/podset-planner/ci/gates-values.yaml"
  check "podset-planner: pods that bring their gates are held by nothing else" pods_are_held_by "" no-policy
  check "podset-planner: the scheduler asks the extender beside it" scheduler_asks_its_own_extender
  check "podset-planner: an unknown mode is refused" refuses podset-planner '{"mode": "webhook"}'
  check "podset-planner: Deployments, Services and ports are those that users know" planner_is_found_where_it_was
  check "podset-planner: planners are looked for in the namespace of the release" \
    trusted_namespaces "$CHARTS/podset-planner/ci/default-values.yaml" "Role in $NAMESPACE"
  check "podset-planner: planners are looked for where the values say, and nowhere else" \
    trusted_namespaces "$CHARTS/podset-planner/ci/full-values.yaml" "Role in default, Role in kube-system"
  check "podset-planner: a digest of the scheduler that is none is refused" \
    refuses podset-planner '{"scheduler": {"image": {"digest": "1234"}}}'
  check "orchestrator: a configuration in two places is refused" two_configurations_are_refused
  check "runtime-kubernetes: instances begin with the image that the runtime runs from" runtime_names_its_own_image
  check "provisioner-postgres: a digest of PostgreSQL that is none is refused" \
    refuses provisioner-postgres '{"postgres": {"image": "registry.example.com/postgres@sha256:1234"}}'
  check "templates are granted neither secrets of the runtime nor rights" dangerous_kinds_are_refused
  if [ -n "${TEST_KUBECONFIG:-}" ]; then
    test_on_server
  else
    echo "skipped the API server's checks: set TEST_KUBECONFIG to run them"
  fi
  echo "$PASSED passed, $FAILED failed"
  [ "$FAILED" = 0 ]
}

main
