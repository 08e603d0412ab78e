{{- define "score-orchestrator.args" -}}
{{- with .Values.configArtifact }}
- --config-artifact={{ . }}
{{- end }}
{{- end }}
