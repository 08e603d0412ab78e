# shellcheck shell=bash
# The checks of test.sh that need no cluster. Each succeeds in silence or fails and says why.

# rendered_json CHART VALUES…: the manifests as JSON, one a line.
rendered_json() {
  render "$@" >"$WORK/rendered.yaml"
  to_json "$WORK/rendered.yaml"
}

# refuses CHART VALUES-AS-JSON: the schema does not let these values pass.
refuses() {
  printf '%s' "$2" >"$WORK/refused.json"
  if render "$1" "$WORK/refused.json" >/dev/null 2>"$WORK/refusal"; then
    echo "these values were taken: $2"
    return 1
  fi
  grep --quiet 'schema' "$WORK/refusal" || { cat "$WORK/refusal"; return 1; }
}

# all_kinds_are_kept CHART GROUP: the chart ships the kinds of the group, and no others.
all_kinds_are_kept() {
  local kept expected
  kept=$(rendered_json "$1" | jq --raw-output '
    select(.kind == "CustomResourceDefinition"
      and .metadata.annotations["helm.sh/resource-policy"] == "keep") | .metadata.name' | sort)
  expected=$(cd "$CHARTS/../crds" && printf '%s\n' *."$2.yaml" | sed 's/\.yaml$//' | sort)
  diff <(echo "$expected") <(echo "$kept")
}

version_is_the_workspaces() {
  local workspace chart
  workspace=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$CHARTS/../Cargo.toml")
  chart=$(sed -n 's/^\(version\|appVersion\): //p' "$CHARTS/$1/Chart.yaml" | sort --unique)
  [ "$chart" = "$workspace" ] || { echo "Cargo.toml has $workspace, Chart.yaml $chart"; return 1; }
}

# The symbolic links must be followed into the archive.
package_renders_the_same() {
  local full=$CHARTS/$1/ci/full-values.yaml archive
  quiet_helm package "$CHARTS/$1" --destination "$WORK/packages"
  archive=("$WORK/packages/score-$1"-*.tgz)
  diff <(render "$1" "$full") \
    <(helm template "score-$1" "${archive[0]}" --namespace "$NAMESPACE" --values "$full")
}

# deployments_where CHART VALUES WHAT-HOLDS: the chart has a Deployment or more, and WHAT-HOLDS (jq) is
# true of the specification of their pods.
deployments_where() {
  local verdict
  verdict=$(rendered_json "$1" "$2" | jq --raw-output "
    select(.kind == \"Deployment\") | .spec.template.spec | if ($3) then \"holds\" else . end" | sort --unique)
  [ "$verdict" = holds ] || { echo "$verdict"; return 1; }
}

# What the namespace's label enforces, checked without a cluster:
# https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
pods_are_restricted() {
  deployments_where "$@" '
    .securityContext.runAsNonRoot
    and .securityContext.runAsUser == 65532
    and .securityContext.seccompProfile.type == "RuntimeDefault"
    and ([.hostNetwork, .hostPID, .hostIPC] | all(. == null))
    and ([.volumes[]? | has("configMap") or has("secret") or .emptyDir.sizeLimit] | all)
    and ([.containers[].securityContext
      | .readOnlyRootFilesystem
        and .allowPrivilegeEscalation == false
        and .capabilities == {drop: ["ALL"]}] | all)'
}

# /healthz is what Kubernetes' own scheduler has.
pods_are_operable() {
  deployments_where "$@" '
    [.containers[]
      | (.livenessProbe.httpGet.path | IN("/live", "/healthz"))
        and (.readinessProbe.httpGet.path | IN("/ready", "/healthz"))
        and (.resources | .requests.cpu and .requests.memory and .limits.memory)] | all'
}

# images_are_pinned CHART: each container runs the image whose digest values give; the scheduler's is another one.
images_are_pinned() {
  local values=$CHARTS/$1/ci/digest-values.yaml image
  # shellcheck disable=SC2016 # the variable is jq's
  image='if .name == "scheduler" then $values.scheduler.image else $values.image end'
  deployments_where "$1" "$values" "$(to_json "$values") as \$values
    | [.containers[] | .image == ($image | \"\(.repository)@\(.digest)\")] | all"
}

# It is given to Workloads, by tag and by digest.
runtime_names_its_own_image() {
  local values
  for values in default digest; do
    # shellcheck disable=SC2016 # the variable is jq's
    deployments_where runtime-kubernetes "$CHARTS/runtime-kubernetes/ci/$values-values.yaml" \
      '.containers[0] | .image as $own | .args | any(. == "--image=\($own)")' || return 1
  done
}

pods_are_placed() {
  local values=$CHARTS/$1/ci/full-values.yaml
  deployments_where "$1" "$values" "$(to_json "$values") as \$values
    | .priorityClassName == \$values.priorityClassName
      and .topologySpreadConstraints == \$values.topologySpreadConstraints" || return 1
  deployments_where "$1" "$CHARTS/$1/ci/default-values.yaml" \
    'has("priorityClassName") or has("topologySpreadConstraints") | not'
}

# everything_is_part_of SYSTEM CHART VALUES…: says the label of every object, by which the kinds are found and removed.
everything_is_part_of() {
  local systems
  systems=$(rendered_json "${@:2}" | jq --raw-output '
    (., (.spec.template? // empty)) | .metadata.labels["app.kubernetes.io/part-of"]' | sort --unique)
  [ "$systems" = "$1" ] || { echo "$systems"; return 1; }
}

# value_paths FILE: the path of each value as a JSON array. An empty list or map is a value.
value_paths() {
  to_json "$1" | jq --compact-output '
    paths(type != "object" or . == {}) | select(all(type == "string"))'
}

dotted() {
  jq --raw-output 'join(".")' <<<"$1"
}

every_value_is_documented() {
  local path status=0
  while read -r path; do
    grep --quiet --fixed-strings "\`$(dotted "$path")\`" "$CHARTS/../docs/charts.md" \
      || { echo "docs/charts.md does not describe $(dotted "$path")"; status=1; }
  done < <(value_paths "$CHARTS/$1/values.yaml")
  return "$status"
}

# Some file in ci/ sets the value, and without it the file renders to something else: the value
# is not one that is taken and ignored.
every_value_has_an_effect() {
  local chart=$1 path status=0
  while read -r path; do
    some_file_needs "$chart" "$path" \
      || { echo "no file in ci/ shows an effect of $(dotted "$path")"; status=1; }
  done < <(value_paths "$CHARTS/$chart/values.yaml")
  return "$status"
}

some_file_needs() {
  local chart=$1 path=$2 file
  for file in "$CHARTS/$chart"/ci/*-values.yaml; do
    to_json "$file" >"$WORK/with.json"
    jq --compact-output --argjson path "$path" 'delpaths([$path])' "$WORK/with.json" >"$WORK/without.json"
    # Empty: the file sets nothing.
    [ -s "$WORK/with.json" ] || continue
    ! cmp --quiet "$WORK/with.json" "$WORK/without.json" || continue
    ! cmp --quiet <(render "$chart" "$WORK/with.json") <(render "$chart" "$WORK/without.json") || continue
    return 0
  done
  return 1
}

every_misspelt_value_is_refused() {
  local chart=$1 path misspelt status=0
  while read -r path; do
    misspelt=$(jq --compact-output '.[-1] += "x" | . as $path | {} | setpath($path; "some")' <<<"$path")
    refuses "$chart" "$misspelt" || status=1
  done < <(value_paths "$CHARTS/$chart/values.yaml")
  return "$status"
}

# A chart may have values of its own; those that two charts have are in all of them, and mean the same.
schema_is_shared() {
  local shared
  shared=$(jq --slurp '[.[].properties | keys[]] | group_by(.) | map(select(length > 1)[0])' \
    "$CHARTS"/*/values.schema.json)
  diff <(shared_schema orchestrator "$shared") <(shared_schema "$1" "$shared")
}

shared_schema() {
  jq --sort-keys --argjson shared "$2" '
    del(.required) | .properties |= with_entries(select(.key | IN($shared[])))' \
    "$CHARTS/$1/values.schema.json"
}

rule_files() {
  echo "$CHARTS/$1/templates/"*role*.yaml "$CHARTS/controller/templates/_objects.tpl"
}

every_rule_has_a_reason() {
  # shellcheck disable=SC2046 # no spaces in these paths
  awk '
    /^ *- apiGroups:/ {
      rules++
      if (previous !~ /^ *# /) { print FILENAME ":" FNR ": no reason above this rule"; bad = 1 }
    }
    { previous = $0 }
    END { if (rules < 3) { print "found only " rules " rules"; bad = 1 }; exit bad }
  ' $(rule_files "$1")
}

no_rule_has_a_wildcard() {
  rendered_json "$1" | jq --slurp --exit-status '
    [.[] | select(.kind == "ClusterRole" or .kind == "Role") | .rules[]]
    | length > 0
      and all([.apiGroups[], .resources[], .verbs[]] | all(. != "*" and . != "escalate" and . != "bind"))'
}

secrets_are_for_provisioners() {
  local chart verbs
  for chart in "${CONTROLLERS[@]}"; do
    verbs=$(rendered_json "$chart" | jq --raw-output '
      select(.kind == "ClusterRole" or .kind == "Role") | .rules[]
      | select(.resources | index("secrets")) | .verbs | sort | join(",")')
    case $chart:$verbs in
      provisioner-postgres:create,get,patch | provisioner-template:create,delete,get,patch) ;;
      orchestrator: | runtime-kubernetes: | podset-planner:) ;;
      *) echo "$chart may do this with Secrets: $verbs"; return 1 ;;
    esac
  done
}

# The planner that answers whoever asks it holds no right to write.
answering_planner_only_reads() {
  rendered_json podset-planner | jq --slurp --exit-status '
    [.[] | select(.kind == "ClusterRole" and .metadata.name == "podset-planner") | .rules[].verbs[]]
    | length > 0 and all(IN("list", "watch"))' >/dev/null
}

# pods_are_held_by MODE VALUES FLAG…: by the admission policy or by the scheduler of pods that ask for it, and not by both.
# Helm is given the flags.
pods_are_held_by() {
  local found
  quiet_helm template release "$CHARTS/podset-planner" --values "$CHARTS/podset-planner/ci/$2-values.yaml" "${@:3}" \
    >"$WORK/held.yaml"
  found=$(to_json "$WORK/held.yaml" | jq --slurp --raw-output '
    {MutatingAdmissionPolicy: "gates", Deployment: "extender"} as $mode
    | map(select(.kind == "MutatingAdmissionPolicy" or .metadata.name == "podset-planner-scheduler") | $mode[.kind] // empty)
    | join(",")')
  [ "$found" = "$1" ] || { echo "with $2 values: $found"; return 1; }
}

# The scheduler asks where the extender listens, which is in its own pod.
scheduler_asks_its_own_extender() {
  local rendered asked listens
  rendered=$(rendered_json podset-planner "$CHARTS/podset-planner/ci/extender-values.yaml")
  asked=$(jq --raw-output 'select(.kind == "ConfigMap") | .data["config.yaml"]' <<<"$rendered" | sed -n 's|.*urlPrefix: http://||p')
  listens=$(jq --raw-output 'select(.kind == "Deployment") | .spec.template.spec.containers[].args[]?' <<<"$rendered" \
    | sed -n 's/^--extender-listen=//p')
  [[ $asked == 127.0.0.1:* && $asked == "$listens" ]] || { echo "asks $asked, listens $listens"; return 1; }
}

# Names and ports are those that the planner's users know.
planner_is_found_where_it_was() {
  local found
  found=$(rendered_json podset-planner | jq --slurp --raw-output '
    map(select(.kind == "Deployment").metadata.name),
    map(select(.kind == "Service") | "\(.metadata.name):\(.spec.ports[].port)") | sort | join(" ")')
  [ "$found" = "planner-controller-manager podset-planner podset-planner-scheduler
planner-controller-manager-metrics-service:7443 podset-planner:7309" ] || { echo "$found"; return 1; }
}

# trusted_namespaces VALUES EXPECTED: Services are read in these namespaces, and in no others.
trusted_namespaces() {
  local trusted
  trusted=$(rendered_json podset-planner "$1" | jq --slurp --raw-output '
    map(select(any(.rules[]?; .resources | index("services")))) | sort_by(.metadata.namespace)
    | map("\(.kind) in \(.metadata.namespace)") | join(", ")')
  [ "$trusted" = "$2" ] || { echo "$trusted"; return 1; }
}

two_configurations_are_refused() {
  local values=(--values "$CHARTS/orchestrator/ci/full-values.yaml" --values "$CHARTS/orchestrator/ci/artifact-values.yaml")
  if helm template release "$CHARTS/orchestrator" "${values[@]}" >/dev/null 2>"$WORK/refusal"; then
    echo "two configurations were taken"
    return 1
  fi
  grep --quiet 'remove one of them' "$WORK/refusal" || { cat "$WORK/refusal"; return 1; }
}

dangerous_kinds_are_refused() {
  local kind status=0
  for kind in v1/Secret/secrets rbac.authorization.k8s.io/v1/Role/roles score.dev/v1b1/Workload/workloads; do
    refuses runtime-kubernetes "$(kind_as_values "$kind" '{objects: {allowedKinds: [.]}}')" || status=1
    [ "$kind" = v1/Secret/secrets ] \
      || refuses provisioner-template "$(kind_as_values "$kind" '{kinds: [.]}')" || status=1
  done
  return "$status"
}

# kind_as_values API-VERSION/KIND/RESOURCE WHERE: values that allow a kind.
kind_as_values() {
  jq --null-input --compact-output --arg kind "$1" '
    $kind | split("/") | {apiVersion: (.[:-2] | join("/")), kind: .[-2], resource: .[-1]} | '"$2"
}
