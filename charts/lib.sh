# shellcheck shell=bash
# What test.sh needs: counting checks, and YAML as JSON. Sourced.

PASSED=0
FAILED=0

# check NAME COMMAND…: counts one check and prints its line; on failure also what COMMAND said.
check() {
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then
    PASSED=$((PASSED + 1))
    echo "ok      $name"
  else
    FAILED=$((FAILED + 1))
    echo "FAILED  $name"
    printf '        %s\n' "${output//$'\n'/$'\n        '}"
  fi
}

# Helm's remarks on the symbolic links, which are meant to be there, hide what matters.
quiet_helm() {
  local status=0 remarks=$WORK/helm-remarks.$BASHPID
  helm "$@" 2>"$remarks" || status=$?
  grep --invert-match 'found symbolic link in path' "$remarks" >&2 || true
  return "$status"
}

# A chart that prints YAML documents as JSON, one a line: Helm is the one program here that
# reads YAML.
make_converter() {
  mkdir -p "$WORK/converter/templates"
  printf 'apiVersion: v2\nname: converter\nversion: 0.0.0\n' >"$WORK/converter/Chart.yaml"
  cat >"$WORK/converter/templates/out.yaml" <<'TEMPLATE'
{{- range regexSplit "(?m)^---$" .Values.yaml -1 }}
{{- with fromYaml . }}
{{ toJson . }}
{{- end }}
{{- end }}
TEMPLATE
}

# to_json FILE: its YAML documents as JSON, one a line.
to_json() {
  helm template converter "$WORK/converter" --set-file "yaml=$1" | grep '^{' || true
}

# render CHART VALUES…: the manifests of a release in the namespace that docs/charts.md names.
render() {
  local chart=$1 file args=()
  shift
  for file; do args+=(--values "$file"); done
  quiet_helm template "score-$chart" "$CHARTS/$chart" --namespace "$NAMESPACE" "${args[@]}"
}
