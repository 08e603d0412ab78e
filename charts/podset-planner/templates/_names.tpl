{{- /*
What users of the planner know it by, and the name of its lease and field manager. The planner that answers others and
the scheduler are rendered with their own names as `component`: see podset-planner.component below.
*/}}
{{- define "controller.name" -}}{{ .component | default "planner-controller-manager" }}{{- end }}

{{- define "controller.partOf" -}}podset-planner{{- end }}

{{- define "controller.subcommand" -}}
{{ get (dict "" "manager" "podset-planner" "planner" "podset-planner-scheduler" "extender") (.component | default "") }}
{{- end }}

{{- define "controller.kinds" -}}this chart installs them, unless somebody removed them{{- end }}

{{- /* How pods are held. */}}
{{- define "podset-planner.mode" -}}
{{- if ne .Values.mode "auto" -}}
{{ .Values.mode }}
{{- else if .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" -}}
gates
{{- else -}}
extender
{{- end -}}
{{- end }}

{{- define "controller.ports" -}}
{{- if eq (.component | default "") "podset-planner" }}
- name: grpc
  containerPort: 7777
{{- end }}
{{- end }}

{{- define "score-podset-planner.args" -}}
{{- if not .component -}}
- --planner-namespaces={{ include "podset-planner.trusted" . | fromJsonArray | join "," }}
- --planner-deadline-seconds={{ .Values.externalPlanners.deadlineSeconds }}
- --cluster-domain={{ .Values.externalPlanners.clusterDomain }}
{{- else if eq .component "podset-planner-scheduler" -}}
- --extender-listen={{ include "podset-planner.extender" . }}
{{- end }}
{{- end }}

{{- /* The namespaces whose Services may plan sets. */}}
{{- define "podset-planner.trusted" -}}
{{ .Values.externalPlanners.namespaces | default (list .Release.Namespace) | toJson }}
{{- end }}

{{- /*
One object of something that runs beside the controller: what the controller has, with its own name and `values`. What it
runs in its first container is called `container`.
*/}}
{{- define "podset-planner.component" -}}
{{- $values := omit .root.Values "leaderElection" }}
{{- range $name, $value := .values }}
{{- $_ := set $values $name $value }}
{{- end }}
{{- $context := dict "component" .component "container" .container "Values" $values }}
{{- range list "Chart" "Release" "Capabilities" }}
{{- $_ := set $context . (index $.root .) }}
{{- end }}
{{- include .template $context }}
{{- end }}

{{- /* One of the planner that answers others. */}}
{{- define "podset-planner.planner" -}}
{{- $values := pick .root.Values.planner "replicas" "resources" }}
{{- include "podset-planner.component" (dict "component" "podset-planner" "values" $values "root" .root "template" .template) }}
{{- end }}
