{{- define "score-provisioner-postgres.args" -}}
{{- end }}
