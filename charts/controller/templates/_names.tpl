{{- /*
The name of everything of a controller: that of its chart, unless the chart defines it anew. It is also the
controller's field manager and the name of its lease, so there is one installation in a cluster.
*/}}
{{- define "controller.name" -}}{{ .Chart.Name }}{{- end }}

{{- /* What the binary is to do, for a chart whose binary can do several things. */}}
{{- define "controller.subcommand" }}{{- end }}

{{- /* The system that the controller belongs to, as the kinds of that system say it, too. */}}
{{- define "controller.partOf" -}}score-orchestrator{{- end }}

{{- define "controller.selectorLabels" -}}
app.kubernetes.io/name: {{ include "controller.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "controller.labels" -}}
{{ include "controller.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: {{ include "controller.partOf" . }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "controller.metadata" -}}
name: {{ include "controller.name" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "controller.labels" . | nindent 2 }}
{{- end }}
