{{- define "score-provisioner-template.args" -}}
- --provisioner-name={{ .Values.provisionerName }}
{{- range .Values.kinds }}
- --allowed-kind={{ .apiVersion }}/{{ .kind }}
{{- end }}
{{- range .Values.externalApi.origins }}
- --allowed-origin={{ . }}
{{- end }}
{{- end }}
