{{- /* What to do where the controller's kinds are missing. */}}
{{- define "controller.kinds" -}}install the chart score-crds{{- end }}

{{- define "controller.notes" -}}
{{ .Chart.Name }} {{ .Chart.AppVersion }} runs in namespace {{ .Release.Namespace }}. To see whether it is ready:

  kubectl --namespace {{ .Release.Namespace }} rollout status deployment/{{ include "controller.name" . }}

If it does not become ready, it says why (missing kinds: {{ include "controller.kinds" . }}):

  kubectl --namespace {{ .Release.Namespace }} logs deployment/{{ include "controller.name" . }}
{{- end }}
