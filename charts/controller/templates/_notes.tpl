{{- define "controller.notes" -}}
{{ .Chart.Name }} {{ .Chart.AppVersion }} runs in namespace {{ .Release.Namespace }}. To see whether it is ready:

  kubectl --namespace {{ .Release.Namespace }} rollout status deployment/{{ .Chart.Name }}

If it does not become ready, it says why (missing kinds: install the chart score-crds):

  kubectl --namespace {{ .Release.Namespace }} logs deployment/{{ .Chart.Name }}
{{- end }}
