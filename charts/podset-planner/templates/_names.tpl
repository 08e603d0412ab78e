{{- /*
What users of the planner know it by, and the name of its lease and field manager. The planner that answers others is
rendered with its own name as `component`: see podset-planner.planner below.
*/}}
{{- define "controller.name" -}}{{ .component | default "planner-controller-manager" }}{{- end }}

{{- define "controller.subcommand" -}}{{ if .component }}planner{{ else }}manager{{ end }}{{- end }}

{{- define "controller.kinds" -}}this chart installs them, unless somebody removed them{{- end }}

{{- define "controller.ports" -}}
{{- if .component }}
- name: grpc
  containerPort: 7777
{{- end }}
{{- end }}

{{- define "score-podset-planner.args" -}}
{{- if not .component -}}
- --planner-namespaces={{ include "podset-planner.trusted" . | fromJsonArray | join "," }}
- --planner-deadline-seconds={{ .Values.externalPlanners.deadlineSeconds }}
- --cluster-domain={{ .Values.externalPlanners.clusterDomain }}
{{- end }}
{{- end }}

{{- /* The namespaces whose Services may plan sets. */}}
{{- define "podset-planner.trusted" -}}
{{ .Values.externalPlanners.namespaces | default (list .Release.Namespace) | toJson }}
{{- end }}

{{- /* One object of the planner that answers others: what the controller has, with its own name, replicas and resources. */}}
{{- define "podset-planner.planner" -}}
{{- $values := omit .root.Values "leaderElection" }}
{{- $_ := set $values "replicas" .root.Values.planner.replicas }}
{{- $_ := set $values "resources" .root.Values.planner.resources }}
{{- include .template (dict "component" "podset-planner" "Values" $values "Chart" .root.Chart "Release" .root.Release) }}
{{- end }}
