{{- define "score-provisioner-template.args" -}}
- --provisioner-name={{ .Values.provisionerName }}
{{- range .Values.kinds }}
- --allowed-kind={{ .apiVersion }}/{{ .kind }}
{{- end }}
{{- range .Values.externalApi.origins }}
- --allowed-origin={{ . }}
{{- end }}
{{- range .Values.externalApi.secrets }}
- --allowed-api-secret={{ . }}
{{- end }}
{{- range .Values.helm.origins }}
- --allowed-chart-origin={{ . }}
{{- end }}
{{- range .Values.helm.secrets }}
- --allowed-chart-secret={{ . }}
{{- end }}
{{- end }}

{{- /* Takes the place of the library's template, which mounts nothing. */}}
{{- define "controller.volumeMounts" -}}
{{- if .Values.helm.origins }}
- name: helm
  mountPath: /var/lib/score-helm
{{- end }}
{{- end }}

{{- /* Takes the place of the library's template, which has none. Helm writes: the packages of charts, and what it unpacks. */}}
{{- define "controller.volumes" -}}
{{- if .Values.helm.origins }}
- name: helm
  emptyDir:
    sizeLimit: {{ .Values.helm.storage }}
{{- end }}
{{- end }}
